"""All that a person is shown of themselves, and may change (Mobbr, user)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET, UnsetType

from whipround.db.database import Tx
from whipround.domain import billing
from whipround.domain.billing import BillingProfile
from whipround.domain.payees import Address
from whipround.domain.users import person
from whipround.domain.users.person import User


class Profile(NamedTuple):
    """A user with what they have proven to be theirs, and what stands on invoices."""

    user: User
    addresses: tuple[Address, ...]
    billing: BillingProfile
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What to change; what is unset stays. Texts are checked."""

    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    date_of_birth: date | UnsetType | None = UNSET
    locale: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    company_name: str | UnsetType = UNSET
    vat_number: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    zip: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    country: str | UnsetType = UNSET


_OF_USER = ("first_name", "last_name", "date_of_birth", "locale", "timezone")

_ADDRESSES = """
    select kind, address from payee where user_id = %(user_id)s order by kind, address
"""

_LAST_LOGIN = "select last_login_at from users where id = %(user_id)s"

_WRITE = """
    update users
    set first_name = %(first_name)s, last_name = %(last_name)s,
        date_of_birth = %(date_of_birth)s, locale = %(locale)s, timezone = %(timezone)s,
        updated_at = %(now)s
    where id = %(id)s
"""


async def read(tx: Tx, *, user_id: UUID) -> Profile:
    """The user's profile."""
    user = await person.find(tx, user_id=user_id)
    of_user = {"user_id": user_id}
    addresses = await (await tx.execute(_ADDRESSES, of_user)).fetchall()
    [[last_login_at]] = await (await tx.execute(_LAST_LOGIN, of_user)).fetchall()
    return Profile(
        user,
        tuple((kind, address) for kind, address in addresses),
        await billing.find(tx, user_id=user_id),
        last_login_at,
    )


async def change(tx: Tx, *, user_id: UUID, change: ProfileChange, now: datetime) -> Profile:
    """Change what is said of the user; the profile then."""
    user = await person.lock(tx, user_id=user_id)
    said = {
        name: value
        for name in ProfileChange.__dataclass_fields__
        if not isinstance(value := getattr(change, name), UnsetType)
    }
    of_user = {name: said.get(name, getattr(user, name)) for name in _OF_USER}
    of_billing = {name: said[name] for name in BillingProfile._fields if name in said}
    await tx.execute(_WRITE, {**of_user, "id": user_id, "now": now})
    if of_billing:
        before = await billing.find(tx, user_id=user_id)
        await billing.write(tx, user_id=user_id, profile=before._replace(**of_billing), now=now)
    return await read(tx, user_id=user_id)
