"""What a sandbox begins with: two people with money, and fee rules."""

from datetime import datetime
from decimal import Decimal

from whipround.db.database import Database
from whipround.domain import credentials, fees
from whipround.domain.fees import FeeRule
from whipround.domain.funding.wallet import WALLET, grant, wallet_of
from whipround.domain.products import Product
from whipround.domain.users.proofs import Proven
from whipround.domain.users.signup import NewUser, create
from whipround.keyring import Keyring
from whipround.money import Money

DEMO_PIN = "1234"
DEMO_PASSWORD = "m0ney-p00l"  # noqa: S105 (a sandbox keeps nothing back)
DEMO_MONEY = (Money(Decimal(1000), "EUR"), Money(Decimal(10000), "MXN"))

# The numbers are of a range that is kept free for such uses.
_DEMO_USERS = (
    ("John", "Dough", "jondough", "+447700900001", "Europe/London", "en-GB"),
    ("Arnar", "Participant", "arnarpart", "+447700900002", "Atlantic/Reykjavik", "en"),
)


def fee_rules(currencies: tuple[str, ...]) -> list[FeeRule]:
    """The sandbox's fees: one per cent of a payment from the wallet, at most 2 of the currency."""
    return [
        FeeRule(
            kind="payment",
            funding_source_type=WALLET,
            currency=currency,
            title="Transfer fee",
            percent=Decimal(1),
            fixed=Decimal(0),
            minimum=Decimal(0),
            maximum=Decimal(2),
        )
        for currency in currencies
    ]


async def fill(db: Database, *, product: Product, keyring: Keyring, now: datetime) -> None:
    """Give a new sandbox product its demo users, their money and its fees.

    In one transaction: raises Invalid (already_taken), having done nothing, the second time.
    """
    password_hash = await credentials.hash_password(DEMO_PASSWORD)
    async with db.of(product.schema_name).transaction() as tx:
        await fees.replace_rules(tx, fee_rules(product.currencies))
        for first_name, last_name, username, phone, timezone, locale in _DEMO_USERS:
            user = await create(
                tx,
                new=NewUser(
                    first_name=first_name,
                    last_name=last_name,
                    username=username,
                    pin=DEMO_PIN,
                    timezone=timezone,
                    locale=locale,
                ),
                proven=Proven(phone=phone, email=f"{username}@example.com"),
                password_hash=password_hash,
                currencies=product.currencies,
                keyring=keyring,
                now=now,
            )
            wallet_id = await wallet_of(tx, user_id=user.id)
            await grant(
                tx, wallet_id=wallet_id, amounts=DEMO_MONEY, key=f"{user.id}:grant", now=now
            )
