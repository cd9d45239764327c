"""Makers of crowd payments: what somebody was shown, and orders to confirm it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from tests.money import Person, new_key, rows
from whipround.db.batch import Batcher
from whipround.db.database import Database
from whipround.db.request_keys import Answer
from whipround.domain.crowd import batch
from whipround.domain.crowd.commands import (
    ClaimPledge,
    Command,
    Confirm,
    CrowdPayment,
    Result,
)
from whipround.domain.crowd.plan import Page, Plan, PlannedShare
from whipround.domain.payees import Address
from whipround.domain.quotes import fee_from_wallet
from whipround.errors import DomainError
from whipround.money import Money, split

URL = "https://example.org/task"
TITLE = "A task"
CLAIM_URL = "https://whipround.test/claim?claim_token="
SHOWN_FOR = timedelta(minutes=10)

CrowdServer: TypeAlias = Batcher[Command, Result]
"""What carries out crowd payments in a server process."""


class Made(msgspec.Struct):
    """What an answer says of a crowd payment."""

    id: UUID
    status: str


def new_profile() -> Address:
    """The address of a profile that is nobody's yet."""
    return ("profile", f"https://github.com/{uuid7().hex}")


def shares(
    money: Money,
    *to: Person | Address,
    weights: Sequence[int] = (),
    roles: Sequence[str] = (),
) -> tuple[PlannedShare, ...]:
    """What each of those is to get of the money, in proportion to the weights, or alike."""
    parts = [Decimal(weight) for weight in weights or [1] * len(to)]
    amounts, percentages = split(money.amount, parts), split(Decimal(100), parts)
    return tuple(
        PlannedShare(
            recipient=it.user.username if isinstance(it, Person) else _written(it),
            role=roles[position] if roles else "",
            percentage=percentages[position],
            amount=amounts[position],
            name=it.user.username if isinstance(it, Person) else "",
            user_id=it.id if isinstance(it, Person) else None,
            address=None if isinstance(it, Person) else it,
        )
        for position, it in enumerate(to)
    )


def _written(address: Address) -> str:
    kind, value = address
    return {"email": f"mailto:{value}", "phone": f"tel:{value}"}.get(kind, value)


def plan(
    money: Money, *to: Person | Address, page: Page | None = None, pledge: bool = False, **how: Any
) -> Plan:
    """A script of those, as it was resolved and shown; `how` is as `shares` takes it."""
    return Plan(
        amount=money.amount,
        fee=Decimal(0),
        currency=money.currency,
        kind="pledge" if pledge else "payment",
        page=page or Page(url=URL, host="example.org", title=TITLE),
        is_invoiced=False,
        referrer=None,
        shares=shares(money, *to, **how),
        script=msgspec.Raw(b"{}"),
    )


async def preview(
    db: Database, shown: Plan, *, to: Person | None, now: datetime, for_: timedelta = SHOWN_FOR
) -> UUID:
    """A preview of it, of this person's or anonymous, that has just been made."""
    preview_id = uuid7()
    await rows(
        db,
        "insert into crowd_preview (id, digest, user_id, plan, expires_at, created_at)"
        " values (%s, %s, %s, %s, %s, %s) returning 1",
        preview_id,
        preview_id.bytes,
        None if to is None else to.id,
        msgspec.json.encode(shown),
        now + for_,
        now,
    )
    return preview_id


def confirmation(payer: Person, shown: Plan, preview_id: UUID, **given: Any) -> Confirm:
    """Somebody's order to pay what they were shown."""
    said: dict[str, Any] = {
        "key": new_key(),
        "payer_id": payer.id,
        "wallet_id": payer.wallet_id,
        "preview_id": preview_id,
        "plan": shown,
        "render": render,
        "claim_url": CLAIM_URL,
    }
    return Confirm(**{**said, **given})


def render(crowd: CrowdPayment) -> Answer:
    """The answer, as a dialect would make one."""
    return Answer(201, msgspec.json.encode(Made(crowd.id, crowd.status)))


def crowd_server(db: Database, *, now: datetime) -> CrowdServer:
    """A server whose clock stands at `now`."""
    return Batcher(db, batch.CrowdBatch(clock=lambda: now), weigh=batch.weigh)


async def confirming(
    db: Database, payer: Person, shown: Plan, *, now: datetime, **given: Any
) -> Confirm:
    """Somebody's order to pay what they have just been shown, with the fee that there is now."""
    async with db.transaction() as tx:
        fee = await fee_from_wallet(tx, shown.money)
    shown = msgspec.structs.replace(shown, fee=fee.amount)
    preview_id = await preview(db, shown, to=payer, now=now)
    return confirmation(payer, shown, preview_id, **given)


async def all_of(at: CrowdServer, *commands: Command) -> list[Made | CrowdPayment | str]:
    """Have commands carried out, all sent at once: what each came to, or the code of its refusal.

    Raises what is no refusal.
    """
    found = await asyncio.gather(*map(at.submit, commands), return_exceptions=True)
    return [_outcome(each) for each in found]


def _outcome(each: Result | BaseException) -> Made | CrowdPayment | str:
    if isinstance(each, DomainError):
        return each.code
    if isinstance(each, BaseException):
        raise each
    return msgspec.json.decode(each.body, type=Made) if isinstance(each, Answer) else each


async def pay_crowd(
    db: Database, payer: Person, money: Money, *to: Person | Address, now: datetime, **how: Any
) -> UUID:
    """Divide money among those at once; the crowd payment. `how` is as `plan` takes it."""
    command = await confirming(db, payer, plan(money, *to, **how), now=now)
    [made] = await all_of(crowd_server(db, now=now), command)
    assert isinstance(made, Made), made
    return made.id


async def pledge(
    db: Database, payer: Person, money: Money, *to: Person | Address, now: datetime, **how: Any
) -> UUID:
    """Have money wait until the script changes; the pledge. `how` is as `plan` takes it."""
    return await pay_crowd(db, payer, money, *to, now=now, pledge=True, **how)


async def claim(
    db: Database, pledge_id: UUID, parts: Sequence[PlannedShare], *, now: datetime
) -> CrowdPayment:
    """Have a pledge paid to those who get these `shares` of it."""
    command = ClaimPledge(pledge_id, parts, CLAIM_URL)
    [made] = await all_of(crowd_server(db, now=now), command)
    assert isinstance(made, CrowdPayment), made
    return made


async def shares_of(db: Database, crowd_id: UUID) -> list[UUID]:
    """The payments that are the shares of a crowd payment, in order."""
    found = await rows(
        db, "select payment_id from crowd_share where crowd_id = %s order by position", crowd_id
    )
    return [id_ for (id_,) in found]
