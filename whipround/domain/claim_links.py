"""Links that say that money waits, mailed to addresses that nobody has proven yet.

Whoever brings the token of one back reads the mail there: so that no second mail is needed to have
the address, and with it the money. Once somebody has the address a link proves nothing any more:
it may have been read by whoever had the mailbox before.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from whipround.db.database import Tx
from whipround.domain import mailed_tokens
from whipround.money import Money

_WAITING = """
    select coalesce(pays_currency, currency) as currency,
        sum(coalesce(pays_amount, amount)), count(*)
    from payee join holding on payee_id = payee.id
    where payee.kind = 'email' and address = %(email)s
        and payee.user_id is null and holding.status = 'held' and expires_at > %(now)s
    group by 1
    order by 1
"""


class Waiting(NamedTuple):
    """What waits for whoever has an address: in each currency, and how many payments."""

    email: str
    expires_at: datetime
    amounts: Sequence[Money]
    payments: int


async def look(tx: Tx, *, secret: str, now: datetime) -> Waiting:
    """What waits for whoever has the link, which stays as good as it is.

    Raises MailedTokenNotFound.
    """
    claim = await mailed_tokens.find_claim(tx, secret=secret, now=now)
    cursor = await tx.execute(_WAITING, {"email": claim.email, "now": now})
    rows = await cursor.fetchall()
    amounts = [Money(Decimal(amount), currency) for currency, amount, _ in rows]
    return Waiting(claim.email, claim.expires_at, amounts, sum(payments for _, _, payments in rows))


async def use(tx: Tx, *, secret: str, now: datetime) -> str:
    """Use a link up; the address that its bearer reads mail at, and that nobody else has.

    Raises MailedTokenNotFound, also where somebody has proven the address since.
    """
    claim = await mailed_tokens.find_claim(tx, secret=secret, locked=True, now=now)
    await mailed_tokens.use(tx, claim, now=now)
    return claim.email
