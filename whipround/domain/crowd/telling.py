"""Telling addresses that nobody has proven that shares wait for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from whipround.db import outbox
from whipround.db.database import Tx
from whipround.domain import mailed_tokens
from whipround.domain.crowd.state import Notice
from whipround.domain.mailed_tokens import LONGEST_NAME_MAILED
from whipround.domain.notifications import words
from whipround.domain.readable import without_links
from whipround.money import EXACT, Money


async def tell(tx: Tx, notices: Sequence[Notice], *, now: datetime) -> None:
    """Have the messages sent once, and only if, `tx` commits: to an email with a link to claim by.

    What one payer pays an address for one thing is told in one message. Two statements, however
    many there are.
    """
    told = _together(notices)
    until = {each.payee.address: each.expires_at for each in told if each.payee.kind == "email"}
    secrets: dict[str, str] = {}
    if until:
        made = await mailed_tokens.make_claims(
            tx, emails=list(until), expires_at=list(until.values()), now=now
        )
        secrets = dict(zip(until, made, strict=True))
    await outbox.put(tx, [_message(each, secrets) for each in told], now=now)


def _together(notices: Sequence[Notice]) -> list[Notice]:
    """One notice for all the payments, such as of pledges that are claimed at once."""
    summed: dict[tuple[UUID, str, str, str], Notice] = {}
    for each in notices:
        key = (each.payee.id, each.payer_name, each.title, each.money.currency)
        before = summed.get(key)
        summed[key] = each if before is None else _sum(before, each)
    return list(summed.values())


def _sum(one: Notice, other: Notice) -> Notice:
    amount: Decimal = EXACT.add(one.money.amount, other.money.amount)
    return one._replace(money=Money(amount, one.money.currency))


def _message(notice: Notice, secrets: Mapping[str, str]) -> outbox.Message:
    data = words(
        notice.money,
        payer=without_links(notice.payer_name, most=LONGEST_NAME_MAILED),
        title=without_links(notice.title, most=LONGEST_NAME_MAILED),
        expires_at=notice.expires_at,
    )
    payee = notice.payee
    if payee.kind == "email":
        data["url"] = notice.claim_url + secrets[payee.address]
        return outbox.Message("email", payee.address, "share_waiting", "en", data)
    return outbox.Message("sms", payee.address, "share_waiting", "en", data)
