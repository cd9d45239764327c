"""What a wallet holds of each currency, what can be paid of it, and what it is worth together."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import fees, fx
from whipround.domain.fees import FeeRule
from whipround.domain.funding.wallet import WALLET
from whipround.ledger.accounts import Balance, balances
from whipround.money import EXACT, ROUNDING, Money, digits, round_to_currency


class Held(NamedTuple):
    """What a wallet holds of a currency.

    `spendable` is the most that can be paid of it, and `fee` what that costs on top. `rate` is how
    many units of the currency of the total one of these is worth, and `converted` what all of it
    is: None where there is no current rate. `updated_at` is None where there never was any.
    """

    currency: str
    amount: Decimal
    fee: Decimal
    spendable: Decimal
    rate: Decimal | None
    converted: Decimal | None
    updated_at: datetime | None


class Holdings(NamedTuple):
    """What a wallet holds, and what that is worth in `currency`: None where that is not known."""

    held: Sequence[Held]
    total: Decimal | None
    currency: str


async def of_wallet(
    tx: Tx, *, wallet_id: UUID, currencies: Sequence[str], now: datetime
) -> Holdings:
    """What a wallet holds of the product's currencies, and of any other that it has some of.

    The total is in the first of the product's currencies, at rates without a spread.
    """
    total_in = currencies[0]
    found = {each.currency: each for each in await balances(tx, owner_ids=[wallet_id])}
    others = (code for code, each in found.items() if each.amount and code not in currencies)
    wanted = [*currencies, *others]
    rules, rates = await fees.rules(tx), await fx.read_rates(tx)
    worth = fx.worth(rates, wanted, currency=total_in, now=now)
    held = []
    for code in wanted:
        rule = fees.find(rules, kind="payment", types=(WALLET,), currency=code)
        held.append(_held(code, found.get(code), rule, worth[code], total_in))
    return Holdings(held, _total(held), total_in)


def _total(held: Sequence[Held]) -> Decimal | None:
    total = Decimal(0)
    for each in held:
        if each.converted is not None:
            total = EXACT.add(total, each.converted)
        elif each.amount:
            return None
    return total


def _held(
    code: str, found: Balance | None, rule: FeeRule | None, rate: Decimal | None, total_in: str
) -> Held:
    amount = found.amount if found else Decimal(0)
    spendable, fee = most_payable(Money(amount, code), rule)
    converted = None
    if rate is not None:
        converted = round_to_currency(ROUNDING.multiply(amount, rate), total_in)
    return Held(code, amount, fee, spendable, rate, converted, found.updated_at if found else None)


def most_payable(balance: Money, rule: FeeRule | None) -> tuple[Decimal, Decimal]:
    """The most that a balance can pay, in the currency's ISO digits, and the fee on top of it."""
    currency = balance.currency
    least, most = 0, int(EXACT.scaleb(balance.amount, digits(currency)))

    def paying(units: int) -> tuple[Decimal, Decimal]:
        amount = EXACT.scaleb(Decimal(units), -digits(currency))
        if rule is None or not units:
            return amount, Decimal(0)
        return amount, fees.charge(rule, Money(amount, currency)).amount

    # A higher amount never costs less: halve what is left until nothing is.
    while least < most:
        middle = (least + most + 1) // 2
        if EXACT.add(*paying(middle)) <= balance.amount:
            least = middle
        else:
            most = middle - 1
    return paying(least)
