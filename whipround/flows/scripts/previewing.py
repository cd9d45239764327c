"""Showing somebody what a payment would come to: read, ask the web, find the people, divide.

Nothing outside is asked while a transaction is open, and what takes long is done in a thread.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

import msgspec

from whipround.db.database import Database
from whipround.domain.crowd import previews, resolving
from whipround.domain.crowd.gravatars import gravatar
from whipround.domain.crowd.plan import Page, Plan
from whipround.domain.crowd.resolving import NobodyToPay, Resolved, Somebody
from whipround.domain.quotes import fee_from_wallet
from whipround.domain.scripts.checking import check_whole
from whipround.domain.scripts.describing import (
    Circumstances,
    Known,
    annotated,
    plain,
)
from whipround.domain.scripts.parsing import NotUnderstood, parse_data
from whipround.domain.scripts.recipients import Recipient, written
from whipround.domain.scripts.script import Participant, Script
from whipround.domain.scripts.splitting import divide
from whipround.errors import Message
from whipround.flows.scripts.reading import FoundScript, page_of, script_of
from whipround.flows.scripts.spelling import spelled, with_profiles
from whipround.flows.scripts.web import Web
from whipround.keyring import Keyring
from whipround.money import Money

Made = TypeVar("Made")

MANY = 50
"""From so many participants on, work on a script is done in a thread."""

MUCH_TEXT = 10_000
"""From so many characters on, reading one is."""

_FOUND_FIELDS = (".script-type", ".favicon", ".logo")
"""What only a script has that was found somewhere."""

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to be shown (Mobbr, Create payment).

    `data` is whom or what to pay, as it came; without `money` nothing can be confirmed, whatever
    `currency` it would be in.
    """

    data: object
    money: Money | None = None
    is_invoiced: bool = False
    is_annotated: bool = True
    referrer: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Here:
    """Where this server is: its hosts, and what stands before a username where an id is an address
    (`https://this.host/#/person/`)."""

    hosts: Collection[str]
    people: str


class Shown(NamedTuple):
    """What somebody is shown. `script` is JSON; `hash_` confirms it, where there is an amount.

    `warning` says what else there is to know, such as who cannot be paid.
    """

    hash_: str | None
    script: bytes
    url: str | None
    warning: Message | None


class _Found(NamedTuple):
    """The script that is asked for; where it was found, if not in what was sent.

    `single` is who is paid where that is all that was sent.
    """

    script: Script
    at: FoundScript | None = None
    single: Recipient | None = None


async def preview(
    db: Database,
    web: Web,
    *,
    asked: Asked,
    payer_id: UUID | None,
    address: str,
    here: Here,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Shown:
    """What a payment would come to, by whoever pays: None if that has not been said.

    `address` is the client's, for limits. Raises NotUnderstood, NoScript, ScriptOutOfReach,
    GitHubOutOfReach, NobodyToPay, Throttled, and Invalid for a script that is wrong, and for an
    amount that is too small.
    """
    found = await _script(web, asked.data, here)
    async with db.transaction(is_durable=False) as tx:
        await resolving.count_shown(
            tx,
            found.script,
            payer_id=payer_id,
            address=address,
            keyring=keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
        payers = () if payer_id is None else (payer_id,)
        people = await resolving.look_up(
            tx, found.script, payer_ids=payers, is_invoiced=asked.is_invoiced
        )
        fee = None if asked.money is None else await fee_from_wallet(tx, asked.money)
    try:
        resolved = people.paid_by(payer_id, is_invoiced=asked.is_invoiced)
    except NobodyToPay as error:
        if found.single is not None and found.single not in people.found:
            raise _not_understood(found.single, error) from error
        raise

    def described() -> tuple[bytes, Plan | None]:
        return _described(asked, found, resolved, here, fee=fee, is_known=payer_id is not None)

    script, plan = await _worked(described, is_long=len(resolved.who) > MANY)
    hash_ = None
    if plan is not None:
        async with db.transaction(is_durable=False) as tx:
            hash_ = await previews.write(tx, user_id=payer_id, plan=plan, keyring=keyring, now=now)
    return Shown(hash_, script, found.script.url, _warning(resolved))


def _warning(resolved: Resolved) -> Message | None:
    """What there is to know before one confirms it."""
    left_out = resolving.explained(resolved.left_out)
    if not resolved.script.is_pledge or resolved.script.url is not None:
        return left_out
    warning = Message("Nobody can claim a pledge without an URL: it can only be revoked.")
    return warning if left_out is None else Message("{said} {more}", said=left_out, more=warning)


def _not_understood(single: Recipient, error: NobodyToPay) -> NotUnderstood | NobodyToPay:
    """A word that is nobody's name is none that we understand."""
    return NotUnderstood() if single.kind == "username" else error


async def _script(web: Web, data: object, here: Here) -> _Found:
    """The script that is asked for, whoever of it can be paid."""

    def read() -> Script | Recipient:
        said = parse_data(data, hosts=here.hosts)
        return with_profiles(said) if isinstance(said, Script) else spelled(said)

    said = await _worked(read, is_long=_is_long(data))
    if isinstance(said, Recipient):
        return await _of_recipient(web, said, here)
    if said.participants or said.url is None:
        check_whole(said)
        return _Found(said)
    found = await _of_recipient(web, spelled(Recipient("url", said.url)), here)
    if found.at is None or said.message is None:
        return found
    # What is paid for is the page's to say, but not what goes with the payment.
    return found._replace(script=replace(found.script, message=said.message))


def _is_long(data: object) -> bool:
    if isinstance(data, Mapping):
        participants = data.get("participants")
        return isinstance(participants, list) and len(participants) > MANY
    return isinstance(data, str) and len(data) > MUCH_TEXT


async def _worked(work: Callable[[], Made], *, is_long: bool) -> Made:
    return await asyncio.to_thread(work) if is_long else work()


async def _of_recipient(web: Web, recipient: Recipient, here: Here) -> _Found:
    if recipient.kind == "url":
        found = await script_of(web, recipient.value, hosts=here.hosts)
        return _Found(found.script, at=found)
    id_ = written(recipient, people=here.people)
    script = Script((Participant(recipient),), type="pay", title=f"Payment to '{id_}'")
    return _Found(script, single=recipient)


def _described(
    asked: Asked,
    found: _Found,
    resolved: Resolved,
    here: Here,
    *,
    fee: Money | None,
    is_known: bool,
) -> tuple[bytes, Plan | None]:
    """The script as it is shown, and what is kept of it to be confirmed."""
    division = divide(resolved.script, asked.money)
    if asked.is_annotated:
        circumstances = _circumstances(asked, found, fee)
        known = [_known(each, is_known=is_known) for each in resolved.who]
        script = annotated(
            resolved.script,
            division,
            people=here.people,
            known=known,
            circumstances=circumstances,
        )
        if found.single is not None:
            for name in _FOUND_FIELDS:
                del script[name]
    else:
        script = plain(resolved.script, people=here.people)
    if found.single is not None:
        script = {"id-base": here.people, **script}
    encoded = _ENCODE(script)
    if asked.money is None or fee is None:
        return encoded, None
    return encoded, Plan(
        amount=asked.money.amount,
        fee=fee.amount,
        currency=asked.money.currency,
        kind="pledge" if resolved.script.is_pledge else "payment",
        page=_page(found),
        is_invoiced=asked.is_invoiced,
        referrer=asked.referrer,
        shares=resolving.shares_of(resolved, division),
        script=msgspec.Raw(encoded),
    )


def _page(found: _Found) -> Page:
    return page_of(found.script, favicon=None if found.at is None else found.at.favicon)


def _circumstances(asked: Asked, found: _Found, fee: Money | None) -> Circumstances:
    at = found.at
    return Circumstances(
        is_invoiced=asked.is_invoiced,
        referrer=asked.referrer,
        script_types=() if at is None else at.script_types,
        favicon=None if at is None else at.favicon,
        logo=None if at is None else at.logo,
        currency=asked.currency,
        fee=None if fee is None else fee.amount,
    )


def _known(who: Somebody, *, is_known: bool) -> Known:
    """What is shown of a participant.

    Whose an address is, which many may be asked of at once, nobody is told who has not said who
    they are.
    """
    if who.username is not None and (is_known or who.user_id is not None):
        return Known(who.username, who.gravatar)
    digest = gravatar(who.recipient)
    return Known(digest, digest)
