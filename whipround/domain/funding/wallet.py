"""The wallet: the funding source that each person has from sign-up on."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.db.database import Tx
from whipround.ledger.accounts import PRODUCT, NewAccount, balances, open_accounts
from whipround.ledger.transfers import Leg, Transfer, post_now
from whipround.money import Money

WALLET = "virtual"
CARD = "card"
BANK_ACCOUNT = "bank_account"
CRYPTO_ADDRESS = "crypto_address"
"""What a funding source can be at bottom, whatever the product calls it."""

CASH = "cash"
"""What somebody has paid with at a shop: nobody adds such a source."""

WALLET_ACCOUNT = "wallet"
"""The kind of the account of any funding source: a wallet's has a floor of zero, while a card and a
bank account are the outside world, which may owe without limit."""

FEES_ACCOUNT = "fees"
CLEARING_ACCOUNT = "clearing"
"""The product's account of money that is on its way to the outside."""
POSITION_ACCOUNT = "position"
"""The product's account on either side of a conversion; what rounding leaves stays there."""
GRANTS_ACCOUNT = "grants"
"""The outside world's account that the sandbox's money comes from."""

_INSERT_WALLET = """
    insert into funding_source (id, user_id, type, type_name, description, allows_in, allows_out,
        status, verified_at, created_at, updated_at)
    values (%(id)s, %(user_id)s, %(type)s, %(type)s, %(description)s, true, true, 'enabled',
        %(now)s, %(now)s, %(now)s)
"""

_FIND_WALLET = """
    select id from funding_source where user_id = %(user_id)s and type = 'virtual'
"""


async def open_wallet(tx: Tx, *, user_id: UUID, currencies: Sequence[str], now: datetime) -> UUID:
    """Open the person's wallet, with an empty account in each currency; its id."""
    wallet_id = uuid7()
    await tx.execute(
        _INSERT_WALLET,
        {
            "id": wallet_id,
            "user_id": user_id,
            "type": WALLET,
            "description": "Wallet",
            "now": now,
        },
    )
    accounts = [NewAccount(wallet_id, WALLET_ACCOUNT, currency) for currency in currencies]
    await open_accounts(tx, accounts, now=now)
    return wallet_id


async def wallet_of(tx: Tx, *, user_id: UUID) -> UUID:
    """The id of the wallet of a person, who always has one."""
    [[id_]] = await (await tx.execute(_FIND_WALLET, {"user_id": user_id})).fetchall()
    return UUID(str(id_))


async def wallet_holds(tx: Tx, *, user_id: UUID, currency: str) -> Decimal:
    """What the wallet of a person holds of a currency."""
    wallet_id = await wallet_of(tx, user_id=user_id)
    held = await balances(tx, owner_ids=[wallet_id])
    return next((each.amount for each in held if each.currency == currency), Decimal(0))


async def grant(
    tx: Tx, *, wallet_id: UUID, amounts: Sequence[Money], key: str, now: datetime
) -> None:
    """Put money from the outside world into a wallet: how a sandbox's demo users get theirs.

    `key` makes it happen once.
    """
    for amount in amounts:
        outside, wallet = await open_accounts(
            tx,
            [
                NewAccount(PRODUCT, GRANTS_ACCOUNT, amount.currency, floor=None),
                NewAccount(wallet_id, WALLET_ACCOUNT, amount.currency),
            ],
            now=now,
        )
        legs = (Leg(outside, -amount.amount), Leg(wallet, amount.amount))
        transfer = Transfer(uuid7(), "grant", f"{key}:{amount.currency}", legs)
        await post_now(tx, [transfer], now=now)
