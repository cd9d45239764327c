"""What can go wrong in the domain, in kinds. Nothing here knows HTTP: each dialect has one table
from kind to answer.

A concrete error is a subclass that stands beside the function raising it. Its `code` is the stable
word a client can rely on; its docstring is its default message for a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc


class DomainError(Exception):
    """The request could not be carried out."""

    code = "unknown_exception"

    def __init__(self, message: str | None = None) -> None:
        self.message = message or cleandoc(type(self).__doc__ or "")
        super().__init__(self.message)


class Unauthenticated(DomainError):
    """The credential is missing, unknown or expired."""

    code = "unauthenticated"


class NotFound(DomainError):
    """There is no such object, or the caller may not know of it."""

    code = "not_found"


class Declined(DomainError):
    """The request was understood, and a rule of the system refuses it."""

    code = "declined"


class Conflict(DomainError):
    """The request collides with another one."""

    code = "conflict"


class Throttled(DomainError):
    """There were too many attempts; try again later."""

    code = "too_many_requests"

    def __init__(self, *, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__()


class Unavailable(DomainError):
    """The service cannot take the request right now; it is safe to repeat it."""

    code = "unavailable"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its path in the request (`recipient.amount`), a code, a message."""

    field: str
    code: str
    message: str


class Invalid(DomainError):
    """One or more fields are wrong."""

    code = "invalid"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors: Sequence[FieldError] = tuple(errors)
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in self.errors))

    @classmethod
    def field(cls, field: str, code: str, message: str) -> "Invalid":
        """The error for a single wrong field."""
        return cls([FieldError(field, code, message)])
