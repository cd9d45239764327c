"""The CLABE of a person: the one Mexican bank account that Moneypool knows of, to be paid out to.

It is a funding source like any other, the newest that is enabled, so that one which was added
through Memento is seen here, too. One that is made here only receives.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from clabe import get_bank_name

from whipround.db.database import Tx
from whipround.domain.funding import changes, creation
from whipround.domain.funding.changes import FundingSourceInUse
from whipround.domain.funding.creation import NewBankAccount, NewSource
from whipround.domain.funding.wallet import BANK_ACCOUNT
from whipround.domain.users import person
from whipround.errors import Invalid
from whipround.keyring import Keyring

MEXICO = "MX"


class Clabe(NamedTuple):
    """A CLABE of 18 digits, the funding source that it is, and what its owner calls the bank."""

    source_id: UUID
    number: str
    bank: str


_SHOWN = """
    select funding_source.id, account_number, bank
    from funding_source join bank_account on funding_source_id = funding_source.id
    where user_id = %(user_id)s and status = 'enabled' and deleted_at is null
        and country = 'MX' and account_number <> ''
    order by funding_source.created_at desc, funding_source.id desc
    limit 1
"""

# All that are seen here, or will be once their bank has said yes.
_ALL = """
    select funding_source.id
    from funding_source join bank_account on funding_source_id = funding_source.id
    where user_id = %(user_id)s and deleted_at is null and country = 'MX' and account_number <> ''
        and (status = 'enabled' or status = 'pending' and not allows_out)
    order by funding_source.id
"""

# Of those that were made here, all but the newest.
_OLDER = """
    select funding_source.id
    from funding_source join bank_account on funding_source_id = funding_source.id
    where user_id = %(user_id)s and deleted_at is null and country = 'MX'
        and status = 'enabled' and not allows_out
    order by funding_source.created_at desc, funding_source.id desc
    offset 1
"""

_CALL = """
    update bank_account set bank = %(bank)s, updated_at = %(now)s
    where funding_source_id = %(source_id)s
"""


async def of(tx: Tx, *, user_id: UUID) -> Clabe | None:
    """The person's CLABE, if they have one."""
    row = await (await tx.execute(_SHOWN, {"user_id": user_id})).fetchone()
    if row is None:
        return None
    source_id, number, bank = row
    return Clabe(source_id, number, bank or _usual_name(number))


async def change(
    tx: Tx,
    *,
    user_id: UUID,
    number: str | None,
    bank: str | None,
    request_number: int,
    processor_name: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> UUID | None:
    """Give the person another CLABE, or their bank another name (Moneypool, Update a User).

    `number` is a good CLABE, None where it stays, "" to have none any more; an empty `bank` is what
    everybody calls it. A new one counts once its bank has been asked, by the call that is given
    back, when `tx` has committed; the answer to the request of `request_number` waits for that.
    None where nobody has to be asked. Raises Invalid, TooManySources, Throttled.
    """
    if number is None and bank is None:
        return None
    await person.lock(tx, user_id=user_id)
    current = await of(tx, user_id=user_id)
    if number == "" and not bank:
        await _take_away(tx, user_id, now=now)
        return None
    if number and (current is None or current.number != number):
        details = NewBankAccount(
            country=MEXICO,
            swift="",
            iban="",
            account_number=number,
            owner_id="",
            token="",
            bank=bank or "",
            receives_only=True,
        )
        created = await creation.create(
            tx,
            user_id=user_id,
            new=NewSource(BANK_ACCOUNT, bank or _usual_name(number), "", details),
            processor_name=processor_name,
            request_number=request_number,
            keyring=keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
        return created.call_id
    if bank is not None:
        await _call(tx, current if number is None or number else None, bank, now=now)
    return None


async def retire_older(tx: Tx, *, user_id: UUID, now: datetime) -> None:
    """Delete what the person's newest CLABE has replaced, but for what money is on its way to.

    Those that were not made here stay.
    """
    for (id_,) in await (await tx.execute(_OLDER, {"user_id": user_id})).fetchall():
        try:
            await changes.delete(tx, user_id=user_id, id_=id_, now=now)
        except FundingSourceInUse:
            continue


async def _take_away(tx: Tx, user_id: UUID, *, now: datetime) -> None:
    for (id_,) in await (await tx.execute(_ALL, {"user_id": user_id})).fetchall():
        try:
            await changes.delete(tx, user_id=user_id, id_=id_, now=now)
        except FundingSourceInUse:
            raise Invalid.field("clabe", "invalid", "Money is still on its way there") from None


async def _call(tx: Tx, current: Clabe | None, bank: str, *, now: datetime) -> None:
    """Have the bank of the CLABE be called so."""
    if current is not None:
        await tx.execute(_CALL, {"source_id": current.source_id, "bank": bank, "now": now})
    elif bank:
        raise Invalid.field("clabe", "required", "There is no CLABE yet")


def _usual_name(number: str) -> str:
    """What everybody calls the bank of a CLABE; empty for one that nobody knows."""
    try:
        name: str = get_bank_name(number)
    except (KeyError, ValueError):
        return ""
    return name
