"""Money sent to an address before its owner came is theirs when they do, whenever that is."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.people import (
    PIN,
    find_session,
    log_in,
    make_user,
    make_verification,
    new_device,
    new_email,
    new_phone,
    new_user,
)
from whipround.db.batch import Batcher
from whipround.db.database import Database
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.funding import reading
from whipround.domain.funding.wallet import grant, wallet_of
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import Pay
from whipround.domain.users import update
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proof, Proven
from whipround.domain.users.signup import sign_up
from whipround.domain.users.update import UserChange
from whipround.errors import DomainError
from whipround.keyring import Keyring
from whipround.money import Money

pytestmark = pytest.mark.anyio


@pytest.fixture
def now() -> datetime:
    """Payments go by the real time."""
    return datetime.now(UTC)


class Street:
    """People with money, who pay a phone number."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now
        self.payments = Batcher(db, PaymentBatch())

    async def make_payer(self, amount: str) -> User:
        user = await make_user(self.db, keyring=self.keyring, now=self.now)
        async with self.db.transaction() as tx:
            wallet_id = await wallet_of(tx, user_id=user.id)
            await grant(
                tx,
                wallet_id=wallet_id,
                amounts=[Money(Decimal(amount), "EUR")],
                key=str(user.id),
                now=self.now,
            )
        return user

    async def pay(self, payer: User, phone: str, amount: str) -> None:
        async with self.db.transaction() as tx:
            wallet_id = await wallet_of(tx, user_id=payer.id)

        def render(outcome: object) -> Answer:
            return Answer(400 if isinstance(outcome, DomainError) else 201, b"")

        answer = await self.payments.submit(
            Pay(
                key=RequestKey(uuid7().bytes, b""),
                payer_id=payer.id,
                payer_name=payer.full_name,
                pin=self.keyring.pin(payer.id, PIN),
                funding_source_id=wallet_id,
                recipient_address=("phone", phone),
                amount=Money(Decimal(amount), "EUR"),
                source_currency="EUR",
                description="",
                render=render,
            )
        )
        assert isinstance(answer, Answer)
        assert answer.status == 201

    async def prove(self, phone: str) -> Proof:
        approved = await make_verification(
            self.db, keyring=self.keyring, now=self.now, recipient=phone
        )
        return Proof("phone", approved)

    async def sign_up(self, proof: Proof) -> User:
        signed_up = await sign_up(
            self.db,
            new=new_user(),
            proofs=[proof],
            device=new_device(),
            currencies=("EUR", "MXN"),
            address="192.0.2.1",
            keyring=self.keyring,
            now=self.now,
        )
        return signed_up.user

    async def balance(self, user_id: UUID) -> Decimal:
        async with self.db.transaction() as tx:
            wallet_id = await wallet_of(tx, user_id=user_id)
            balances = (await reading.balances_of(tx, ids=[wallet_id]))[wallet_id]
        return next(each.amount for each in balances if each.currency == "EUR")

    async def held(self) -> int:
        async with self.db.transaction() as tx:
            cursor = await tx.execute("select count(*) from holding where status = 'held'")
            [[count]] = await cursor.fetchall()
        return int(count)


@pytest.fixture
def street(db: Database, keyring: Keyring, now: datetime) -> Street:
    return Street(db, keyring, now)


async def test_sign_up_brings_what_was_waiting(street: Street) -> None:
    payer, phone = await street.make_payer("50"), new_phone()
    await street.pay(payer, phone, "20.50")
    await street.pay(payer, phone, "1.25")

    user = await street.sign_up(await street.prove(phone))

    assert await street.balance(user.id) == Decimal("21.75")
    assert await street.held() == 0


async def test_new_phone_brings_what_was_waiting_and_the_old_one_nothing_more(
    street: Street,
) -> None:
    payer, old, new = await street.make_payer("50"), new_phone(), new_phone()
    user = await street.sign_up(await street.prove(old))
    await street.pay(payer, new, "5")
    me = await log_in(street.db, user, now=street.now)
    approved = await make_verification(
        street.db, keyring=street.keyring, now=street.now, recipient=new, user_id=user.id
    )

    async with street.db.transaction() as tx:
        session = await find_session(tx, me.opened.secret, now=street.now)
        assert session is not None
        await update.update(
            tx,
            session=session,
            change=UserChange(phone=new, proofs=[Proof("phone", approved)]),
            passwords=update.Passwords(),
            keyring=street.keyring,
            now=street.now,
        )
    await street.pay(payer, old, "7")
    await street.pay(payer, new, "1")

    assert await street.balance(user.id) == Decimal(6)
    assert await street.held() == 1


async def test_unproven_phone_brings_nothing(street: Street) -> None:
    payer, phone = await street.make_payer("50"), new_phone()
    await street.pay(payer, phone, "5")

    user = await make_user(
        street.db,
        keyring=street.keyring,
        now=street.now,
        phone=phone,
        proven=Proven(email=new_email()),
    )

    assert user.phone == phone
    assert await street.balance(user.id) == 0
    assert await street.held() == 1


async def test_payment_to_a_number_that_is_signing_up_arrives(street: Street) -> None:
    for _ in range(5):
        payers = [await street.make_payer("10") for _ in range(8)]
        phone = new_phone()

        proof = await street.prove(phone)
        signing_up = asyncio.create_task(street.sign_up(proof))
        await asyncio.gather(*(street.pay(payer, phone, "3") for payer in payers))
        user = await signing_up

        assert await street.balance(user.id) == Decimal(24)
    assert await street.held() == 0
