"""Who the participants of a script are, and which of them can be paid, by whom.

The script says whom it means; here the people are found, in as many queries for a thousand of them
as for one. Shares stay as the script has them, even where two of its ids turn out to be one person:
what everybody else gets must not depend on who has proven which address meanwhile.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import billing, relationships, throttles
from whipround.domain.crowd.gravatars import gravatar
from whipround.domain.crowd.plan import PlannedShare
from whipround.domain.payees import Address
from whipround.domain.scripts.recipients import Recipient, written
from whipround.domain.scripts.script import Participant, Script
from whipround.domain.scripts.splitting import Division, divide, without
from whipround.domain.throttles import Charge
from whipround.errors import Declined, Message
from whipround.keyring import Keyring
from whipround.money import Money

MOST_NAMED = 20
"""How many of those who are left out for one reason are named."""

Reason = Literal["unknown", "unsupported", "oneself", "blocked", "incomplete"]


class NobodyToPay(Declined):
    """There is nobody who can be paid."""

    code = "nobody_to_pay"


class Somebody(NamedTuple):
    """A participant who can be paid.

    `recipient` is the id in its normal form. Exactly one of `user_id`, of who was written as a
    username, and `address` is set. `owner_id` is whoever has the name or has proven the address,
    and `username` and `email` theirs, the latter if it is proven: all None for nobody yet.
    """

    recipient: str
    user_id: UUID | None
    address: Address | None
    owner_id: UUID | None = None
    username: str | None = None
    email: str | None = None

    @property
    def gravatar(self) -> str:
        """The digest that shows what they look like, to whoever may know who they are."""
        return gravatar(self.username or self.recipient, email=self.email)


class LeftOut(NamedTuple):
    """A participant who cannot be paid, as the script says it, and why."""

    recipient: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Resolved:
    """A script of those who can be paid: `who` are its participants, in their order.

    Whoever was left out has left their share to all others.
    """

    script: Script
    who: Sequence[Somebody]
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True, slots=True)
class People:
    """Who the participants of a script are, whoever pays.

    Of the recipients that are not in `found` nobody can be paid. `blocks` are payers and people of
    whom one has blocked the other; `complete` are the people who can be paid by invoice.
    """

    script: Script
    found: Mapping[Recipient, Somebody]
    blocks: Collection[tuple[UUID, UUID]]
    complete: Collection[UUID]

    def paid_by(self, payer_id: UUID | None, *, is_invoiced: bool = False) -> Resolved:
        """The script as this person can pay by it; None for somebody who has not said who they are.

        Who will be paid by a pledge shows later: as long as nobody else takes part, its payer may.
        Raises NobodyToPay, which says why of everybody.
        """
        reasons = [
            self._why_not(each, payer_id, is_invoiced=is_invoiced)
            for each in self.script.participants
        ]
        if self.script.is_pledge and None not in reasons:
            reasons = [None if reason == "oneself" else reason for reason in reasons]
        who: list[Somebody] = []
        left_out: dict[int, LeftOut] = {}
        for position, (participant, reason) in enumerate(
            zip(self.script.participants, reasons, strict=True)
        ):
            if reason is None:
                who.append(self.found[participant.recipient])
            else:
                left_out[position] = LeftOut(participant.recipient.value, reason)
        if not who:
            raise NobodyToPay(_nobody(list(left_out.values())))
        script = without(self.script, left_out) if left_out else self.script
        return Resolved(script, who, tuple(left_out.values()))

    def _why_not(
        self, participant: Participant, payer_id: UUID | None, *, is_invoiced: bool
    ) -> Reason | None:
        if participant.recipient.kind in {"url", "bitcoin"}:
            return "unsupported"
        person = self.found.get(participant.recipient)
        if person is None:
            return "unknown"
        if payer_id is not None and person.owner_id == payer_id:
            return "oneself"
        if (payer_id, person.owner_id) in self.blocks:
            return "blocked"
        if is_invoiced and person.owner_id not in self.complete:
            return "incomplete"
        return None


# Whose wallet can be paid, by name.
_BY_NAME = """
    select lower(username), users.id, username,
        case when email_verified_at is not null then email end
    from users join funding_source on user_id = users.id and type = 'virtual'
    where lower(username) = any(%(names)s) and users.status = 'active'
        and funding_source.allows_in and funding_source.status = 'enabled'
"""

# Who has proven an address, and whether their wallet can be paid.
_BY_ADDRESS = """
    select payee.kind, payee.address, users.id, username,
        case when email_verified_at is not null then email end,
        users.status = 'active'
            and funding_source.allows_in and funding_source.status = 'enabled'
    from unnest(%(kinds)s::text[], %(addresses)s::text[]) as wanted (kind, address)
        join payee on payee.kind = wanted.kind and payee.address = wanted.address
        join users on users.id = payee.user_id
        join funding_source on funding_source.user_id = users.id and type = 'virtual'
"""


async def look_up(
    tx: Tx, script: Script, *, payer_ids: Collection[UUID] = (), is_invoiced: bool
) -> People:
    """Who the participants of a script are, for any of these to pay them.

    Who of them can be sent an invoice is looked up where a payment `is_invoiced`: without, none can
    be asked for. Addresses of profiles must have been told from those of pages before.
    """
    recipients = {each.recipient for each in script.participants}
    found = await _by_name(tx, [each for each in recipients if each.kind == "username"])
    found |= await _by_address(tx, recipients)
    owner_ids = {each.owner_id for each in found.values() if each.owner_id is not None}
    blocks: Collection[tuple[UUID, UUID]] = ()
    if owner_ids and payer_ids:
        blocks = await relationships.blocks_between(tx, some=payer_ids, others=owner_ids)
    complete: Collection[UUID] = ()
    if owner_ids and is_invoiced:
        complete = await billing.complete(tx, user_ids=owner_ids)
    return People(script, found, blocks, complete)


async def _by_name(tx: Tx, names: Sequence[Recipient]) -> dict[Recipient, Somebody]:
    if not names:
        return {}
    cursor = await tx.execute(_BY_NAME, {"names": [each.value for each in names]})
    return {
        Recipient("username", name): Somebody(name, id_, None, id_, username, email)
        for name, id_, username, email in await cursor.fetchall()
    }


async def _by_address(tx: Tx, recipients: Collection[Recipient]) -> dict[Recipient, Somebody]:
    """Those who are paid at an address: who has proven it, or whoever will.

    Absent are those of somebody who cannot be paid any more.
    """
    found = {
        each: Somebody(written(each, people=""), None, address)
        for each in recipients
        if (address := _address(each)) is not None
    }
    if not found:
        return {}
    cursor = await tx.execute(
        _BY_ADDRESS,
        {
            "kinds": [each.kind for each in found],
            "addresses": [each.value for each in found],
        },
    )
    for kind, address, id_, username, email, is_payable in await cursor.fetchall():
        recipient = Recipient(kind, address)
        if is_payable:
            proven = {"owner_id": id_, "username": username, "email": email}
            found[recipient] = found[recipient]._replace(**proven)
        else:
            del found[recipient]
    return found


async def count_shown(
    tx: Tx,
    script: Script,
    *,
    payer_id: UUID | None,
    address: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> None:
    """Count the emails and phones in a script against who is shown whose they are, or whether they
    are anybody's: the payer, or whoever calls from this network address. Raises Throttled.

    A script has a thousand: by many of them all of a list, or of a country, could be looked up.
    """
    recipients = {each.recipient for each in script.participants}
    count = sum(each.kind in {"email", "phone"} for each in recipients)
    if not count:
        return
    if payer_id is None:
        charge = Charge(throttles.EMAILS_SHOWN_PER_ADDRESS, address, count)
    else:
        charge = Charge(throttles.EMAILS_SHOWN_PER_USER, str(payer_id), count)
    await throttles.charge(tx, [charge], keyring=keyring, now=now, multiplier=limit_multiplier)


_COUNT_UNPROVEN = """
    select coalesce(sum(case kind when 'phone' then %(phone_weight)s else 1 end), 0)
    from unnest(%(kinds)s::text[], %(addresses)s::text[]) as wanted (kind, address)
    where not exists (
        select from payee
        where payee.kind = wanted.kind and payee.address = wanted.address
            and user_id is not null
    )
"""


async def count_written_to(tx: Tx, shares: Sequence[PlannedShare]) -> int:
    """At how many emails that nobody has proven these shares would wait; phones count ten times."""
    addresses = {each.address for each in shares if each.address is not None}
    reached = [(kind, address) for kind, address in addresses if kind != "profile"]
    if not reached:
        return 0
    kinds, values = zip(*reached, strict=True)
    wanted = {"kinds": list(kinds), "addresses": list(values)}
    cursor = await tx.execute(_COUNT_UNPROVEN, {**wanted, "phone_weight": throttles.PHONE_WEIGHT})
    [[count]] = await cursor.fetchall()
    return int(count)


def _address(recipient: Recipient) -> Address | None:
    """What somebody can be paid at before they are known, if it is that."""
    match recipient:
        case ("email" | "phone" | "profile") as kind, address:
            return kind, address
        case _:
            return None


def planned(resolved: Resolved, money: Money) -> tuple[PlannedShare, ...]:
    """What each is to get of the money, exactly all of it.

    Raises Invalid for an amount of which somebody would get nothing.
    """
    return shares_of(resolved, divide(resolved.script, money))


def shares_of(resolved: Resolved, division: Division) -> tuple[PlannedShare, ...]:
    """The same of a division that was made already, of an amount."""
    return tuple(
        PlannedShare(
            recipient=person.recipient,
            role=portion.participant.role,
            percentage=portion.percentage,
            amount=portion.amount,
            name=person.username or portion.participant.recipient.value,
            user_id=person.user_id,
            address=person.address,
        )
        for person, portion in zip(resolved.who, division.portions, strict=True)
        if portion.amount is not None
    )


# What is said of those who are left out.

_REASONS: Mapping[Reason, Callable[[str], Message]] = {
    "unknown": lambda names: Message("Nobody here can be paid as {names}.", names=names),
    "unsupported": lambda names: Message("Nothing can be paid to {names}.", names=names),
    "oneself": lambda names: Message("You cannot pay yourself: {names}.", names=names),
    "blocked": lambda names: Message("You and {names} cannot pay each other.", names=names),
    "incomplete": lambda names: Message(
        "Not known well enough for an invoice: {names}.", names=names
    ),
}


def explained(left_out: Sequence[LeftOut]) -> Message | None:
    """Who is left out, and why, for whoever pays; None where nobody is."""
    said: Message | None = None
    for reason, say in _REASONS.items():
        names = list(dict.fromkeys(who for who, why in left_out if why == reason))
        if names:
            more = ["…"] if len(names) > MOST_NAMED else []
            message = say(", ".join([*names[:MOST_NAMED], *more]))
            said = message if said is None else Message("{said} {more}", said=said, more=message)
    return said


def _nobody(left_out: Sequence[LeftOut]) -> Message:
    nobody = Message("There is nobody who can be paid.")
    said = explained(left_out)
    return nobody if said is None else Message("{said} {more}", said=nobody, more=said)
