"""Usernames and proven addresses belong to one user each."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from psycopg.errors import UniqueViolation

from whipround.db.database import Tx
from whipround.errors import FieldError, Invalid, Message

_FIELDS = {"users_username": "username", "users_email": "email", "users_phone": "phone"}
"""The unique index that guards each field, for whoever lost a race."""

_TAKEN = """
    select
        exists (select from users where lower(username) = lower(%(username)s) and id <> %(id)s),
        exists (
            select from users
            where lower(email) = %(email)s and email_verified_at is not null and id <> %(id)s
        ),
        exists (
            select from users
            where phone = %(phone)s and phone_verified_at is not null and id <> %(id)s
        )
"""

_NOBODY = UUID(int=0)


def _taken(field: str) -> FieldError:
    called = Message.field(field.capitalize())
    message = Message("{field} has already been taken", field=called)
    return FieldError(field, "already_taken", message)


async def check(
    tx: Tx, *, username: str, phone: str | None, email: str | None, except_id: UUID | None
) -> None:
    """Raise Invalid naming each that is another user's; of addresses, only proven ones are."""
    values = {
        "username": username,
        "email": email,
        "phone": phone,
        "id": except_id or _NOBODY,
    }
    [row] = await (await tx.execute(_TAKEN, values)).fetchall()
    errors = [_taken(field) for field, taken in zip(_FIELDS.values(), row, strict=True) if taken]
    if errors:
        raise Invalid(errors)


@contextmanager
def as_field_errors() -> Iterator[None]:
    """Have a write that another one outran raise Invalid, as `check` would have."""
    try:
        yield
    except UniqueViolation as error:
        field = _FIELDS.get(error.diag.constraint_name or "")
        if field is None:
            raise
        raise Invalid([_taken(field)]) from error
