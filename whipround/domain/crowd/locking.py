"""What a batch of crowd payments locks and reads.

Payers first, then previews and pledges, payees, and at last accounts, as everywhere: what hangs on
locked rows is read in later statements. Statements that do not wait for each other go together.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import dict_row

from whipround.db.database import Tx
from whipround.domain import limits, payees, relationships
from whipround.domain.crowd.commands import (
    PLEDGE_ACCOUNT,
    ClaimPledge,
    Command,
    Confirm,
    CrowdPayment,
)
from whipround.domain.crowd.plan import Page, PlannedShare
from whipround.domain.crowd.state import Payer, Shown, State
from whipround.domain.funding.wallet import FEES_ACCOUNT, WALLET_ACCOUNT
from whipround.domain.limits import Limits
from whipround.domain.payees import Address, Payee
from whipround.domain.payments.state import Recipient
from whipround.ledger.accounts import PRODUCT, NewAccount, lock_named
from whipround.ledger.transfers import Book

# What limits count of them, and what waits for others, is read under these locks.
_LOCK_PAYERS = """
    select users.id, full_name, locked_until, verified, wallet.id,
        wallet.allows_out and wallet.status = 'enabled'
    from users join funding_source as wallet
        on wallet.user_id = users.id and wallet.type = 'virtual'
    where users.id = any(%(ids)b)
    order by users.id
    for no key update of users
"""

_LOCK_PREVIEWS = """
    select id, user_id, used_at, expires_at
    from crowd_preview
    where id = any(%(ids)b)
    order by id
    for no key update
"""

_LOCK_PLEDGES = """
    select crowd_payment.id, owner_id, users.full_name as owner_name, funding_source_id,
        crowd_payment.status, amount, fee, currency, referrer, is_invoiced, participants,
        expires_at, crowd_payment.created_at, paid_at, url, host, title, description, image,
        language, copyright, message, keywords, favicon
    from crowd_payment join users on users.id = owner_id
    where crowd_payment.id = any(%(ids)b)
    order by crowd_payment.id
    for no key update of crowd_payment
"""

# Whose wallet can be paid, of a thousand as fast as of one.
_RECIPIENTS = """
    select users.id, parent_user_id, wallet.id, full_name, username, verified, official, image_id
    from unnest(%(ids)b::uuid[]) as wanted (id)
        join users on users.id = wanted.id
        join funding_source as wallet on wallet.user_id = wanted.id and wallet.type = 'virtual'
    where users.status = 'active' and wallet.allows_in and wallet.status = 'enabled'
"""

# How many shares of their payments wait: whatever they were paid from, they would return to the
# wallet.
_WAITING = """
    select user_id, count(*)
    from holding join funding_source as wallet on wallet.id = source_id
    where user_id = any(%(payers)b) and type = 'virtual' and holding.status = 'held'
        and holding.kind = 'share'
    group by user_id
"""

_PLEDGED = """
    select owner_id, count(*)
    from crowd_payment
    where owner_id = any(%(payers)b) and status = 'pledged'
    group by owner_id
"""


class _Paying(NamedTuple):
    """Who pays whom: what of a command has to be read, whichever it is."""

    payer_id: UUID
    wallet_id: UUID
    currency: str
    shares: Sequence[PlannedShare]
    pledge_id: UUID | None


async def read(tx: Tx, commands: Sequence[Command], *, clock: Callable[[], datetime]) -> State:
    """Lock and read what the commands depend on; `clock` tells the time, in UTC."""
    confirmed = [command for command in commands if isinstance(command, Confirm)]
    claimed = [command for command in commands if isinstance(command, ClaimPledge)]
    payers = await tx.execute(_LOCK_PAYERS, {"ids": list({each.payer_id for each in confirmed})})
    previews = await tx.execute(_LOCK_PREVIEWS, {"ids": [each.preview_id for each in confirmed]})
    pledges = await lock_pledges(tx, [each.pledge_id for each in claimed])
    paying = [*map(_confirming, confirmed), *_claiming(claimed, pledges)]
    addresses = [share.address for each in paying for share in each.shares if share.address]
    found = await payees.lock_payees(tx, addresses, now=clock()) if addresses else []
    by_address = {(payee.kind, payee.address): payee for payee in found}
    pairs = set(_pairs(paying, by_address))
    payer_ids = list({each.payer_id for each in paying})
    since = limits.since(clock())
    asked = await tx.execute(_RECIPIENTS, {"ids": list({recipient for _, recipient in pairs})})
    blocks = await relationships.ask_blocks(tx, pairs=list(pairs))
    limit_rules = await tx.execute(limits.RULES_SQL)
    usage = await tx.execute(
        limits.USAGE_SQL, {"ids": [each.wallet_id for each in paying], "since": since}
    )
    waiting = await tx.execute(_WAITING, {"payers": payer_ids})
    pledged = await tx.execute(_PLEDGED, {"payers": payer_ids})
    recipients = {row[0]: Recipient(*row) for row in await asked.fetchall()}
    wanted = _accounts(paying, by_address, recipients)
    locked = await (await lock_named(tx, wanted)).locked(tx, now=clock())
    return State(
        now=clock(),
        payers={row[0]: Payer(*row) for row in await payers.fetchall()},
        previews={row[0]: Shown(*row) for row in await previews.fetchall()},
        pledges=pledges,
        recipients=recipients,
        payees=by_address,
        blocks=set(await blocks.fetchall()),
        limits=Limits(await limit_rules.fetchall(), await usage.fetchall()),
        waiting=dict(await waiting.fetchall()),
        pledged=dict(await pledged.fetchall()),
        accounts=locked.ids,
        book=Book(locked.accounts),
    )


async def lock_pledges(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, CrowdPayment]:
    """The crowd payments of these ids, locked in the order of them, whatever has become of them."""
    if not ids:
        return {}
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_LOCK_PLEDGES.encode(), {"ids": list(ids)})
        rows = await cursor.fetchall()
    return {row["id"]: _crowd_payment(row) for row in rows}


def _crowd_payment(row: dict[str, Any]) -> CrowdPayment:
    row["keywords"], row["participants"] = tuple(row["keywords"]), tuple(row["participants"])
    page = Page(**{name: row.pop(name) for name in Page.__struct_fields__})
    return CrowdPayment(page=page, **row)


def _confirming(command: Confirm) -> _Paying:
    plan = command.plan
    return _Paying(command.payer_id, command.wallet_id, plan.currency, plan.shares, None)


def _claiming(
    commands: Sequence[ClaimPledge], pledges: dict[UUID, CrowdPayment]
) -> Iterable[_Paying]:
    for command in commands:
        pledge = pledges.get(command.pledge_id)
        if pledge is not None:
            wallet_id, currency = pledge.funding_source_id, pledge.currency
            yield _Paying(pledge.owner_id, wallet_id, currency, command.shares, pledge.id)


def _recipient_id(share: PlannedShare, by_address: dict[Address, Payee]) -> UUID | None:
    """The user who gets a share, as far as that is known."""
    return share.user_id if share.address is None else by_address[share.address].user_id


def _pairs(
    paying: Sequence[_Paying], by_address: dict[Address, Payee]
) -> Iterable[tuple[UUID, UUID]]:
    """Each payer with each user who gets a share."""
    for each in paying:
        for share in each.shares:
            recipient_id = _recipient_id(share, by_address)
            if recipient_id is not None:
                yield each.payer_id, recipient_id


def _accounts(
    paying: Sequence[_Paying],
    by_address: dict[Address, Payee],
    recipients: dict[UUID, Recipient],
) -> Iterable[NewAccount]:
    """The accounts that are moved; those of holdings and new pledges are opened as they come."""
    for each in paying:
        yield NewAccount(each.wallet_id, WALLET_ACCOUNT, each.currency)
        yield NewAccount(PRODUCT, FEES_ACCOUNT, each.currency)
        if each.pledge_id is not None:
            yield NewAccount(each.pledge_id, PLEDGE_ACCOUNT, each.currency)
        for share in each.shares:
            recipient_id = _recipient_id(share, by_address)
            if recipient_id in recipients:
                yield NewAccount(recipients[recipient_id].wallet_id, WALLET_ACCOUNT, each.currency)
