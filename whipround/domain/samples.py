"""What a sandbox begins with: two people with money, fees, limits, and exchange rates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from uuid_utils.compat import uuid7

from whipround.db.database import Database
from whipround.domain import credentials, fees, fx, limit_files
from whipround.domain.fees import FeeRule, Tariff
from whipround.domain.funding.wallet import BANK_ACCOUNT, CARD, WALLET, grant, wallet_of
from whipround.domain.limits import Direction, LimitRule, Period
from whipround.domain.products import Product
from whipround.domain.users.proofs import Proven
from whipround.domain.users.signup import NewUser, create
from whipround.keyring import Keyring
from whipround.money import ROUNDING, Money, round_to_currency

DEMO_PIN = "1234"
DEMO_PASSWORD = "m0ney-p00l"  # noqa: S105 (a sandbox keeps nothing back)
DEMO_MONEY = (Money(Decimal(1000), "EUR"), Money(Decimal(10000), "MXN"))

# The numbers are of a range that is kept free for such uses.
_DEMO_USERS = (
    ("John", "Dough", "jondough", "+447700900001", "Europe/London", "en-GB"),
    ("Arnar", "Participant", "arnarpart", "+447700900002", "Atlantic/Reykjavik", "en"),
)


PER_EURO: Mapping[str, Decimal] = {
    currency: Decimal(rate)
    for currency, rate in {
        "AUD": "1.7842",
        "CAD": "1.6221",
        "CHF": "0.9312",
        "DKK": "7.4682",
        "GBP": "0.8761",
        "ISK": "146.60",
        "JPY": "181.35",
        "MXN": "21.2140",
        "NOK": "11.7920",
        "PLN": "4.2335",
        "SEK": "11.0105",
        "USD": "1.1593",
    }.items()
}
"""The sandbox's exchange rates, in units for one euro."""

SPREAD_PERCENT = Decimal(1)


def fee_rules(currencies: tuple[str, ...]) -> list[FeeRule]:
    """The sandbox's fees.

    From the wallet to people one per cent, at most 2 of the currency, and to the bank about half a
    euro. From a card one and a half per cent and about a quarter of a euro, from a bank account
    half a per cent: to people, and into the wallet.
    """
    return [rule for currency in currencies for rule in _fee_rules(currency)]


def _fee_rules(currency: str) -> list[FeeRule]:
    def rule(kind: str, source: str, title: str, percent: str, euros: str = "0") -> FeeRule:
        return FeeRule(
            kind=kind,
            funding_source_type=source,
            currency=currency,
            title=title,
            percent=Decimal(percent),
            fixed=_about(euros, currency),
            minimum=Decimal(0),
            maximum=Decimal(2) if kind == "payment" and source == WALLET else None,
        )

    return [
        rule("payment", WALLET, "Transfer fee", "1"),
        rule("payment", CARD, "Card fee", "1.5", "0.25"),
        rule("payment", BANK_ACCOUNT, "Bank fee", "0.5"),
        rule("top_up", CARD, "Card fee", "1.5", "0.25"),
        rule("top_up", BANK_ACCOUNT, "Bank fee", "0.5"),
        rule("withdrawal", WALLET, "Withdrawal fee", "0", "0.50"),
    ]


def limit_rules(currencies: tuple[str, ...]) -> list[LimitRule]:
    """The sandbox's limits, ten times as high for people who are verified.

    About 1,000 euros a day and 5,000 a month go out of a card or a bank account, and as much into
    the latter.
    """
    return [rule for currency in currencies for rule in _limit_rules(currency)]


def _limit_rules(currency: str) -> list[LimitRule]:
    def rule(source: str, direction: Direction, period: Period, euros: str) -> LimitRule:
        return LimitRule(
            id=uuid7(),
            title="Daily limit" if period == "day" else "Monthly limit",
            funding_source_type=source,
            currency=currency,
            direction=direction,
            period=period,
            is_rolling=period == "month",
            amount=_about(euros, currency),
            verified_amount=10 * _about(euros, currency),
        )

    sides: tuple[tuple[str, Direction], ...] = (
        (CARD, "out"),
        (BANK_ACCOUNT, "out"),
        (BANK_ACCOUNT, "in"),
    )
    periods: tuple[tuple[Period, str], ...] = (("day", "1000"), ("month", "5000"))
    return [rule(*side, *period) for side in sides for period in periods]


def _about(euros: str, currency: str) -> Decimal:
    """An amount that is worth so many euros, more or less: with two digits that are not zero."""
    worth = ROUNDING.multiply(Decimal(euros), PER_EURO.get(currency, Decimal(1)))
    rounded = worth.quantize(Decimal(1).scaleb(worth.adjusted() - 1), ROUND_HALF_EVEN, ROUNDING)
    return round_to_currency(rounded, currency)


async def fill(db: Database, *, product: Product, keyring: Keyring, now: datetime) -> None:
    """Give a new sandbox product its demo users, their money, its fees, limits and rates.

    In one transaction: raises Invalid (already_taken), having done nothing, the second time.
    """
    password_hash = await credentials.hash_password(DEMO_PASSWORD)
    async with db.of(product.schema_name).transaction() as tx:
        await fees.replace(tx, Tariff(fee_rules(product.currencies), SPREAD_PERCENT))
        await limit_files.replace_rules(tx, limit_rules(product.currencies))
        today = now.astimezone(UTC).date()
        await fx.replace_rates(tx, PER_EURO, published_on=today, now=now)
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
