"""Claiming what waits for a page, or for somebody: the web is asked whom to pay, then all is paid.

Each pledge is paid by itself, or stays as it is: whatever breaks off in between, whoever claims
again claims the rest.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

from whipround.db import request_keys
from whipround.db.batch import MAX_WEIGHT, Batcher
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain import claims, throttles
from whipround.domain.crowd import pledges, resolving
from whipround.domain.crowd.batch import SHARE_WEIGHT
from whipround.domain.crowd.commands import ClaimPledge, Command, PledgeNotFound, Result
from whipround.domain.crowd.pledges import Waiting
from whipround.domain.crowd.resolving import People
from whipround.domain.scripts.addresses import normalised
from whipround.domain.scripts.recipients import recipient
from whipround.domain.scripts.script import Script
from whipround.domain.throttles import Charge
from whipround.errors import Declined, DomainError, Invalid, Unavailable
from whipround.flows.scripts.reading import script_of
from whipround.flows.scripts.spelling import spelled
from whipround.flows.scripts.web import Web
from whipround.keyring import Keyring

logger = logging.getLogger(__name__)

CLAIMED_AT_ONCE = 200
"""How many pledges are looked at together, at the most: fewer of those to many people."""

_NOBODY = UUID(int=0)

Crowd: TypeAlias = Batcher[Command, Result]


class StillPledging(Declined):
    """Cannot claim this pledge because task is still in pledging mode"""

    code = "still_pledging"


class Claimed(NamedTuple):
    """What a claim came to: how many payments were made, and how many pledges could not be paid."""

    paid: int
    left: int = 0


@dataclass(frozen=True, slots=True)
class Claiming:
    """Who claims what, and from where.

    `url` is the address of a page or of a profile, or an email address. `address` is that of the
    network. The server is at `hosts`; a mail to somebody unknown leads to `claim_url`, with a token
    at its end.
    """

    url: str
    user_id: UUID | None
    address: str
    hosts: Collection[str]
    claim_url: str


async def claim(
    db: Database,
    web: Web,
    crowd: Crowd,
    claiming: Claiming,
    *,
    key: RequestKey,
    render: Callable[[Claimed], Answer],
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Answer:
    """Pay all that was pledged to a page, by its script as it is now (Mobbr, Claim payments).

    Everybody's pledges, whoever claims; what waits for a person, only by whoever has proven to be
    that: NotProven. The rendered answer is kept under the key; to claim again does no harm.

    Raises KeyReused; Throttled; StillPledging; NoScript, ScriptOutOfReach, GitHubOutOfReach, and
    Invalid for what is no address, and for a script that is wrong. Where nothing of what waits can
    be paid, it raises why: such as NobodyToPay; Unavailable where it is safe to claim again.
    """
    async with db.transaction() as tx:
        answer = await request_keys.earlier(tx, key)
    if answer is not None:
        return answer
    await throttles.charge_apart(
        db,
        [Charge(throttles.CLAIMS_PER_ADDRESS, claiming.address)],
        keyring=keyring,
        now=now,
        multiplier=limit_multiplier,
    )
    claimed = await _claim(db, web, crowd, claiming, now=now)

    async def act(_: Tx) -> Answer:
        return render(claimed)

    return await request_keys.once(db, key, act, refuse=lambda _: None, now=now)


async def _claim(
    db: Database, web: Web, crowd: Crowd, claiming: Claiming, *, now: datetime
) -> Claimed:
    wanted = recipient(claiming.url, hosts=claiming.hosts)
    if wanted is None:
        raise Invalid.field("url", "invalid", "Must be an URL or an email address")
    match spelled(wanted):
        case ("email" | "phone" | "profile") as kind, value:
            count = await claims.claim_own(
                db, user_id=claiming.user_id, address=(kind, value), now=now
            )
            return Claimed(count)
        case "url", url:
            # It may have been pledged to as it is written here, too.
            urls = {url, normalised(claiming.url.strip()) or url}
            tally = _Tally()
            for each in await _pages(web, url, urls, claiming.hosts):
                await _claim_all(db, crowd, each, tally, claim_url=claiming.claim_url, now=now)
            return tally.claimed()
        case _:
            raise Invalid.field("url", "unsupported", "Nothing waits there to be claimed")


class _Page(NamedTuple):
    """Addresses, and the script by which is paid what was pledged to them."""

    urls: Collection[str]
    script: Script


async def _pages(
    web: Web, url: str, urls: Collection[str], hosts: Collection[str]
) -> Sequence[_Page]:
    """The page at `url`, which may be written as `urls`, and what it says that it is itself.

    A page could call itself like another on its host: what was pledged to that is paid by the
    script of that. Raises as `claim`.
    """
    found = await script_of(web, url, hosts=hosts, is_fresh=True)
    if found.url in urls or "api" in found.script_types:
        pages = [_Page({*urls, found.url}, found.script)]
    else:
        itself = await script_of(web, found.url, hosts=hosts, is_fresh=True)
        pages = [_Page(urls, found.script), _Page({found.url}, itself.script)]
    if any(each.script.is_pledge for each in pages):
        raise StillPledging
    return pages


@dataclass(slots=True)
class _Tally:
    """What has become of the pledges so far, and why one was not paid, if any was not."""

    paid: int = 0
    left: int = 0
    refusal: DomainError | None = None

    def count(self, outcome: DomainError | None) -> None:
        """Count what a pledge has come to."""
        if outcome is None:
            self.paid += 1
        elif not isinstance(outcome, PledgeNotFound):  # or it was claimed or revoked meanwhile
            self.left += 1
            if self.refusal is None or isinstance(outcome, Unavailable):
                self.refusal = outcome

    def claimed(self) -> Claimed:
        """All in all. Raises why nothing was paid, and Unavailable where that was not its fault."""
        if self.refusal is not None and (not self.paid or isinstance(self.refusal, Unavailable)):
            raise self.refusal
        return Claimed(self.paid, self.left)


async def _claim_all(
    db: Database, crowd: Crowd, page: _Page, tally: _Tally, *, claim_url: str, now: datetime
) -> None:
    """Pay all that was pledged to a page, some at a time, whatever becomes of single pledges."""
    # As much as goes together in a batch.
    weight = SHARE_WEIGHT * len(page.script.participants)
    limit = max(1, min(CLAIMED_AT_ONCE, MAX_WEIGHT // weight))
    after = _NOBODY
    while True:
        async with db.transaction() as tx:
            some = await pledges.waiting(tx, urls=[*page.urls], after=after, limit=limit, now=now)
            payer_ids = {each.owner_id for each in some}
            is_invoiced = any(each.is_invoiced for each in some)
            people = await resolving.look_up(
                tx, page.script, payer_ids=payer_ids, is_invoiced=is_invoiced
            )
        for outcome in await _claim_some(crowd, some, people, claim_url):
            tally.count(outcome)
        if len(some) < limit:
            return
        after = some[-1].id


async def _claim_some(
    crowd: Crowd, some: Sequence[Waiting], people: People, claim_url: str
) -> list[DomainError | None]:
    """Have the pledges paid, all at once; of each nothing, or why it is not paid."""
    # To divide for a thousand people takes a while, each time.
    commands = await asyncio.to_thread(_divided, some, people, claim_url)
    return await asyncio.gather(*(_pay(crowd, each) for each in commands))


def _divided(
    some: Sequence[Waiting], people: People, claim_url: str
) -> list[ClaimPledge | DomainError]:
    return [_command(pledge, people, claim_url) for pledge in some]


def _command(pledge: Waiting, people: People, claim_url: str) -> ClaimPledge | DomainError:
    """A pledge divided among all but its payer; or why it cannot be."""
    try:
        resolved = people.paid_by(pledge.owner_id, is_invoiced=pledge.is_invoiced)
        return ClaimPledge(pledge.id, resolving.planned(resolved, pledge.money), claim_url)
    except DomainError as error:
        return error


async def _pay(crowd: Crowd, command: ClaimPledge | DomainError) -> DomainError | None:
    if isinstance(command, DomainError):
        return command
    try:
        await crowd.submit(command)
    except DomainError as error:
        return error
    except Exception:
        logger.exception("the pledge %s cannot be paid", command.pledge_id)
        return Unavailable()
    return None
