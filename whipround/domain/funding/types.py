"""What a product calls its types of funding source, and what each of them is at bottom.

The base types are there from the start, and so are the further names of the documents' samples.
"""

import re
from datetime import datetime
from typing import Literal, TypeAlias, cast, get_args

from whipround.db.database import Tx
from whipround.errors import Conflict, FieldError, Invalid, Message, NotFound

Base: TypeAlias = Literal["virtual", "bank_account", "card", "crypto_address"]
BASES: tuple[Base, ...] = get_args(Base)

CREATABLE: tuple[Base, ...] = ("bank_account", "card", "crypto_address")
"""What a person can add; a wallet comes with signing up."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class TypeExists(Conflict):
    """There is already a type of that name."""

    code = "type_exists"


class TypeNotFound(NotFound):
    """There is no such type."""

    code = "type_not_found"


class TypeInUse(Conflict):
    """The type is a base type, or there are funding sources of it."""

    code = "type_in_use"


_LIST = """
    select name, base from funding_source_type order by base, name
"""

_BASE_OF = """
    select base from funding_source_type where name = %(name)s for key share
"""

_INSERT = """
    insert into funding_source_type (name, base, created_at)
    values (%(name)s, %(base)s, %(now)s)
    on conflict do nothing
"""

_LOCK = """
    select name from funding_source_type where name = %(name)s for update
"""

_IN_USE = """
    select exists (
        select from funding_source where type_name = %(name)s and deleted_at is null
    )
"""

_DELETE = """
    delete from funding_source_type where name = %(name)s
"""


async def bases(tx: Tx) -> dict[str, Base]:
    """The base type of every name."""
    return dict(await (await tx.execute(_LIST)).fetchall())


async def base_of(tx: Tx, *, name: str) -> Base | None:
    """What a name stands for, which stays so until `tx` ends; None for an unknown one."""
    row = await (await tx.execute(_BASE_OF, {"name": name})).fetchone()
    return None if row is None else cast("Base", row[0])


async def add(tx: Tx, *, name: str, base: str, now: datetime) -> None:
    """Add a name for a base type that people can add sources of.

    Raises Invalid naming every wrong field, TypeExists.
    """
    wrong = []
    if not _NAME.fullmatch(name):
        said = "must be small letters, digits and underscores, at most 40, beginning with a letter"
        wrong.append(FieldError("name", "invalid", said))
    if base not in CREATABLE:
        message = Message("must be one of {values}", values=", ".join(CREATABLE))
        wrong.append(FieldError("base", "unsupported", message))
    if wrong:
        raise Invalid(wrong)
    added = await tx.execute(_INSERT, {"name": name, "base": base, "now": now})
    if not added.rowcount:
        raise TypeExists(Message("There is already a type {name}.", name=name))


async def remove(tx: Tx, *, name: str) -> None:
    """Remove a name that no funding source goes by. Raises TypeNotFound, TypeInUse."""
    if name in BASES:
        raise TypeInUse(Message("{name} is a base type.", name=name))
    if await (await tx.execute(_LOCK, {"name": name})).fetchone() is None:
        raise TypeNotFound(Message("There is no type {name}.", name=name))
    [[is_used]] = await (await tx.execute(_IN_USE, {"name": name})).fetchall()
    if is_used:
        raise TypeInUse(Message("There are funding sources of the type {name}.", name=name))
    await tx.execute(_DELETE, {"name": name})
