"""A crowd of people with money, cards and sessions, made without asking each to sign up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from bench import ledger
from whipround.db.database import Database, Tx
from whipround.domain import fees, samples, sessions, tokens
from whipround.domain import products as all_products
from whipround.domain.devices import NewDevice
from whipround.domain.funding import creation, registration
from whipround.domain.funding.creation import NewCard, NewSource
from whipround.domain.funding.wallet import CARD, WALLET_ACCOUNT, wallet_of
from whipround.domain.installation import Installation
from whipround.domain.products import Product
from whipround.domain.users import signup
from whipround.domain.users.proofs import Proven
from whipround.domain.users.signup import NewUser
from whipround.gateways.processors.sandbox import APPROVED_TOKEN, SandboxProcessor
from whipround.keyring import Keyring
from whipround.ledger.accounts import NewAccount, open_accounts

PIN = "1234"
MONEY = Decimal("10000000.00")
CURRENCIES = ("EUR", "MXN")
"""What people have money in: one dialect shows all currencies, another one pesos only."""

HERE_SINCE = timedelta(days=30)
"""How long ago everybody signed up."""

CONTACTS = 10
"""How many others each knows: the tables a payment looks into are not to be empty ones."""

_AT_ONCE = 4
_CARD_YEARS = 4

_BEFRIEND = """
    insert into relationship (id, user_id, other_user_id, type, created_at, updated_at)
    select gen_random_uuid(), person.id, other.id, 'contact', %(since)s, %(since)s
    from unnest(%(ids)s::uuid[]) with ordinality as person (id, position),
        generate_series(1, least(%(contacts)s, cardinality(%(ids)s::uuid[]) - 1)) as step,
        unnest(%(ids)s::uuid[]) with ordinality as other (id, position)
    where other.position = 1 + (person.position - 1 + step) %% cardinality(%(ids)s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Payer:
    """Somebody with money in a wallet and a card that is good for any, logged in.

    `session` is for Memento, `auth_token` and `number`, their id there, for Moneypool, and
    `login_token` for Mobbr.
    """

    user_id: UUID
    wallet_id: UUID
    account_id: UUID
    card_id: UUID
    session: str
    number: int
    email: str
    auth_token: str
    login_token: str

    @property
    def username(self) -> str:
        """What they are called."""
        return self.email.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Crowd:
    """The people of one product: those who pay, and one who is only ever paid."""

    product: Product
    db: Database
    payers: Sequence[Payer]
    hot: Payer


async def gather(installation: Installation, *, name: str, size: int, now: datetime) -> Crowd:
    """Make a product, with the sandbox's fees but no limits, and so many people in it.

    All through the domain.
    """
    product = await all_products.add(installation.db, name=name, now=now)
    db = installation.db.of(product.schema_name)
    async with db.transaction() as tx:
        await fees.replace_rules(tx, samples.fee_rules(product.currencies))

    async def make(numbers: range) -> list[Payer]:
        return [await _person(db, installation, product, number, now) for number in numbers]

    async with asyncio.TaskGroup() as group:
        parts = [
            group.create_task(make(range(first, size + 1, _AT_ONCE))) for first in range(_AT_ONCE)
        ]
    hot, *payers = [person for part in parts for person in part.result()]
    async with db.transaction(patient=True) as tx:
        await _fund(tx, payers, now=now - HERE_SINCE)
        ids = [payer.user_id for payer in payers]
        known = {"ids": ids, "contacts": CONTACTS, "since": now - HERE_SINCE}
        await tx.execute(_BEFRIEND, known)
    return Crowd(product, db, payers, hot)


async def _fund(tx: Tx, payers: Sequence[Payer], *, now: datetime) -> None:
    """Give everybody money, in each of the CURRENCIES."""
    for currency in CURRENCIES:
        wallets = [NewAccount(payer.wallet_id, WALLET_ACCOUNT, currency) for payer in payers]
        accounts = await open_accounts(tx, wallets, now=now)
        await ledger.grant(tx, accounts, amount=MONEY, currency=currency, now=now)


async def _person(
    db: Database, installation: Installation, product: Product, number: int, now: datetime
) -> Payer:
    """A person with a verified phone and email, a wallet, a card and a session in each dialect."""
    email, joined = f"person{number}@example.com", now - HERE_SINCE
    async with db.transaction() as tx:
        user = await signup.create(
            tx,
            new=NewUser(
                first_name="Person", last_name=str(number), username=f"person{number}", pin=PIN
            ),
            proven=Proven(phone=f"+4479{number:08}", email=email),
            password_hash=None,
            currencies=product.currencies,
            keyring=installation.keyring,
            now=joined,
        )
        wallet_id = await wallet_of(tx, user_id=user.id)
        [account_id] = await open_accounts(
            tx, [NewAccount(wallet_id, WALLET_ACCOUNT, "EUR")], now=joined
        )
        card_id = await _card(tx, user_id=user.id, keyring=installation.keyring, now=joined)
        device = NewDevice(id=uuid7(), make="-", model="-", os_name="-", os_version="-")
        token = await tokens.issue(
            tx, user_id=user.id, authenticator="signup", device=device, now=now
        )
        session = await sessions.open_session(tx, token_secret=token.secret, now=now)
        login = await sessions.open_login(tx, user_id=user.id, now=now)
        of_mobbr = await sessions.open_login(tx, user_id=user.id, now=now, kind="wmb")
    return Payer(
        user_id=user.id,
        wallet_id=wallet_id,
        account_id=account_id,
        card_id=card_id,
        session=session.secret,
        number=user.number,
        email=email,
        auth_token=login.secret,
        login_token=of_mobbr.secret,
    )


async def _card(tx: Tx, *, user_id: UUID, keyring: Keyring, now: datetime) -> UUID:
    """A card of the person's that the sandbox's processor approves of, as if it were known to it.

    Its account is there: a first payment is not to be dearer than the next.
    """
    details = NewCard(
        brand="Visa",
        last_digits="4242",
        expiration_month=12,
        expiration_year=now.year + _CARD_YEARS,
        token=APPROVED_TOKEN,
    )
    source, call_id = await creation.create(
        tx,
        user_id=user_id,
        new=NewSource(CARD, description="", meta="", details=details),
        processor_name=SandboxProcessor.name,
        request_number=None,
        keyring=keyring,
        now=now,
    )
    assert call_id is not None  # noqa: S101 - every card is registered
    registering = await registration.find(tx, call_id=call_id, keyring=keyring)
    assert registering is not None  # noqa: S101 - and nobody else has done so
    await registration.approve(
        tx,
        registering=registering,
        reference=APPROVED_TOKEN,
        is_verified=True,
        card=None,
        keyring=keyring,
        now=now,
    )
    await open_accounts(tx, [NewAccount(source.id, WALLET_ACCOUNT, "EUR", floor=None)], now=now)
    return source.id
