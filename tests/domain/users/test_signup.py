"""Signing up: who gets an account, and what comes with it."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.people import (
    CURRENCIES,
    find_session,
    make_user,
    make_verification,
    new_device,
    new_email,
    new_phone,
    new_user,
)
from whipround.db.database import Database
from whipround.domain import credentials, payees, sessions
from whipround.domain.users.proofs import Proof, Proven
from whipround.domain.users.signup import SignedUp, sign_up
from whipround.errors import Invalid, Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


class Counter:
    """Where people sign up."""

    def __init__(self, db: Database, keyring: Keyring, now: datetime) -> None:
        self.db, self.keyring, self.now = db, keyring, now

    async def prove(self, recipient: str, **given: Any) -> Proof:
        approved = await make_verification(
            self.db, keyring=self.keyring, now=self.now, recipient=recipient, **given
        )
        return Proof("email" if "@" in recipient else "phone", approved)

    async def sign_up(
        self, *proofs: Proof, address: str = "192.0.2.1", multiplier: int = 1, **given: Any
    ) -> SignedUp:
        return await sign_up(
            self.db,
            new=new_user(**given),
            proofs=proofs,
            device=new_device(),
            currencies=CURRENCIES,
            address=address,
            keyring=self.keyring,
            now=self.now,
            limit_multiplier=multiplier,
        )

    async def refused(self, *proofs: Proof, **given: Any) -> Sequence[tuple[str, str]]:
        with pytest.raises(Invalid) as refused:
            await self.sign_up(*proofs, **given)
        return [(error.field, error.code) for error in refused.value.errors]

    async def count(self, table: str) -> int:
        async with self.db.transaction() as tx:
            [[count]] = await (await tx.execute(f"select count(*) from {table}")).fetchall()
        return int(count)


@pytest.fixture
def counter(db: Database, keyring: Keyring, now: datetime) -> Counter:
    return Counter(db, keyring, now)


async def test_new_user_is_logged_in_and_has_a_wallet(counter: Counter) -> None:
    phone = new_phone()

    signed_up = await counter.sign_up(await counter.prove(phone), phone=phone)

    user, issued = signed_up.user, signed_up.token
    assert (user.status, user.phone, user.phone_verified_at) == ("active", phone, counter.now)
    assert (user.country, user.timezone, user.locale) == ("GB", "UTC", "en")
    assert (user.preferences, user.meta, user.verified, user.official) == ("{}", "", False, False)
    assert issued.token.status == "approved"
    async with counter.db.transaction() as tx:
        opened = await sessions.open_session(tx, token_secret=issued.secret, now=counter.now)
        session = await find_session(tx, opened.secret, now=counter.now)
        cursor = await tx.execute(
            "select type, status from funding_source where user_id = %s", (user.id,)
        )
        assert await cursor.fetchall() == [("virtual", "enabled")]
        [payee] = await payees.lock_payees(tx, [("phone", phone)], now=counter.now)
    assert session is not None
    assert session.user == user
    assert payee.user_id == user.id


async def test_everything_said_is_kept(counter: Counter) -> None:
    said: dict[str, Any] = {
        "first_name": "Ása",
        "last_name": "Jónsdóttir",
        "username": "Asa.J-1_",
        "country": "UK",
        "timezone": "Atlantic/Reykjavik",
        "locale": "is-IS",
        "date_of_birth": date(1985, 9, 4),
        "preferences": '{"sound": false}',
        "meta": "anything",
    }

    user = (await counter.sign_up(await counter.prove(new_email()), **said)).user

    assert {name: getattr(user, name) for name in said} == said
    assert user.full_name == "Ása Jónsdóttir"


async def test_password_is_optional(counter: Counter) -> None:
    without = await counter.sign_up(await counter.prove(new_phone()))
    having = await counter.sign_up(await counter.prove(new_phone()), password="m0ney-p00l")

    assert without.user.password_hash is None
    assert (await credentials.verify_password(having.user.password_hash, "m0ney-p00l")).ok


async def test_proven_address_becomes_the_users_even_if_not_said(counter: Counter) -> None:
    phone, email = new_phone(), new_email()

    user = (await counter.sign_up(await counter.prove(phone), await counter.prove(email))).user

    assert (user.phone, user.email) == (phone, email)
    assert user.phone_verified_at == user.email_verified_at == counter.now


async def test_unproven_address_is_kept_but_claims_nothing(counter: Counter) -> None:
    email = new_email()

    user = (await counter.sign_up(await counter.prove(new_phone()), email=email)).user

    assert (user.email, user.email_verified_at) == (email, None)
    async with counter.db.transaction() as tx:
        [payee] = await payees.lock_payees(tx, [("email", email)], now=counter.now)
    assert payee.user_id is None


async def test_at_least_one_address_must_be_proven(counter: Counter) -> None:
    assert await counter.refused(phone=new_phone()) == [("verifications", "required")]


async def test_each_useless_verification_is_named(counter: Counter) -> None:
    user = await make_user(counter.db, keyring=counter.keyring, now=counter.now)
    of_user = await counter.prove(new_phone(), user_id=user.id)
    email, other_email = await counter.prove(new_email()), await counter.prove(new_email())

    assert await counter.refused(of_user, Proof("email", uuid7())) == [
        ("verifications[0].id", "not_found"),
        ("verifications[1].id", "not_found"),
    ]
    assert await counter.refused(email, other_email) == [("verifications[1].field", "invalid")]
    assert await counter.refused(Proof("phone", email.verification_id)) == [
        ("verifications[0].id", "invalid")
    ]
    assert await counter.refused(email, email=new_email()) == [("verifications[0].id", "invalid")]
    # Nothing was used up by all that.
    assert (await counter.sign_up(email)).user.email_verified_at is not None


async def test_verification_signs_up_one(counter: Counter) -> None:
    proof = await counter.prove(new_phone())
    await counter.sign_up(proof)

    assert await counter.refused(proof) == [("verifications[0].id", "invalid")]


async def test_everything_taken_is_named(counter: Counter) -> None:
    phone, email = new_phone(), new_email()
    taken = await counter.sign_up(
        await counter.prove(phone), await counter.prove(email), username="taken.name"
    )
    proofs = [await counter.prove(phone), await counter.prove(email)]

    assert await counter.refused(*proofs, username="TAKEN.name") == [
        ("username", "already_taken"),
        ("email", "already_taken"),
        ("phone", "already_taken"),
    ]
    assert taken.user.username == "taken.name"
    assert await counter.count("users") == 1


async def test_address_that_nobody_has_proven_blocks_nobody(counter: Counter) -> None:
    email = new_email()
    await counter.sign_up(await counter.prove(new_phone()), email=email)

    user = (await counter.sign_up(await counter.prove(email))).user

    assert user.email == email


async def test_of_two_at_once_one_gets_the_name(counter: Counter) -> None:
    proofs = [await counter.prove(new_phone()) for _ in range(4)]

    outcomes = await asyncio.gather(
        *(counter.sign_up(proof, username="wanted") for proof in proofs), return_exceptions=True
    )

    refused = [it for it in outcomes if isinstance(it, Invalid)]
    assert len(refused) == 3
    assert {(e.field, e.code) for it in refused for e in it.errors} == {
        ("username", "already_taken")
    }
    assert await counter.count("users") == await counter.count("funding_source") == 1


async def test_of_two_at_once_one_gets_the_phone(counter: Counter) -> None:
    phone = new_phone()
    proofs = [await counter.prove(phone) for _ in range(3)]

    outcomes = await asyncio.gather(
        *(counter.sign_up(proof) for proof in proofs), return_exceptions=True
    )

    refused = [it for it in outcomes if isinstance(it, Invalid)]
    assert len(refused) == 2
    assert {e.field for it in refused for e in it.errors} == {"phone"}


async def test_sign_ups_are_limited_per_address(counter: Counter) -> None:
    proof = await counter.prove(new_phone())
    for _ in range(20):
        await counter.refused(Proof("phone", uuid7()))

    with pytest.raises(Throttled):
        await counter.sign_up(proof)

    await counter.sign_up(proof, multiplier=2)


async def test_wallet_has_every_currency_of_the_product(counter: Counter) -> None:
    user = (await counter.sign_up(await counter.prove(new_phone()))).user

    assert await balances(counter.db, user.id) == {"EUR": Decimal(0), "MXN": Decimal(0)}


async def balances(db: Database, user_id: UUID) -> dict[str, Decimal]:
    async with db.transaction() as tx:
        cursor = await tx.execute(
            """
            select currency, balance
            from account join funding_source on owner_id = funding_source.id
            where user_id = %s
            """,
            (user_id,),
        )
        return dict(await cursor.fetchall())


async def test_create_needs_no_verification(db: Database, keyring: Keyring, now: datetime) -> None:
    """As the operator's commands and the sandbox make users."""
    email = new_email()

    user = await make_user(db, keyring=keyring, now=now, proven=Proven(email=email))

    assert (user.email, user.email_verified_at, user.phone) == (email, now, None)
