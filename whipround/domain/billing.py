"""What stands on invoices to and from a person (later revisions, "Mobbr", `invoiced`)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Tx


class BillingProfile(NamedTuple):
    """Where a person or their company is; what is not known is empty. `country` is a code."""

    company_name: str = ""
    vat_number: str = ""
    address: str = ""
    zip: str = ""
    city: str = ""
    country: str = ""


_FIND = """
    select company_name, vat_number, address, zip, city, country
    from billing_profile where user_id = %(user_id)s
"""

_WRITE = """
    insert into billing_profile (user_id, company_name, vat_number, address, zip, city, country,
        updated_at)
    values (%(user_id)s, %(company_name)s, %(vat_number)s, %(address)s, %(zip)s, %(city)s,
        %(country)s, %(now)s)
    on conflict (user_id) do update
    set company_name = excluded.company_name, vat_number = excluded.vat_number,
        address = excluded.address, zip = excluded.zip, city = excluded.city,
        country = excluded.country, updated_at = excluded.updated_at
"""

# Who has signed up without a name is called as their username is.
_COMPLETE = """
    select id
    from billing_profile join users on users.id = user_id
    where user_id = any(%(ids)s)
        and billing_profile.address <> '' and billing_profile.country <> ''
        and case when company_name = '' then full_name <> username else vat_number <> '' end
"""


async def find(tx: Tx, *, user_id: UUID) -> BillingProfile:
    """The user's profile, empty where they have given none."""
    row = await (await tx.execute(_FIND, {"user_id": user_id})).fetchone()
    return BillingProfile() if row is None else BillingProfile._make(row)


async def write(tx: Tx, *, user_id: UUID, profile: BillingProfile, now: datetime) -> None:
    """Keep the (locked) user's profile, in place of any before."""
    await tx.execute(_WRITE, {"user_id": user_id, **profile._asdict(), "now": now})


async def complete(tx: Tx, *, user_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the users whom an invoice can be written for.

    That needs a name, an address and a country, and, of a company, its VAT number.
    """
    cursor = await tx.execute(_COMPLETE, {"ids": list(user_ids)})
    return {user_id for (user_id,) in await cursor.fetchall()}
