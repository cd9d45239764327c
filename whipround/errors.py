"""What can go wrong in the domain, in kinds. Nothing here knows HTTP: each dialect has one table
from kind to answer.

A concrete error is a subclass that stands beside the function raising it. Its `code` is the stable
word a client can rely on; its docstring is its default message for a person. Messages are written
in English; `whipround.locales` translates them, for whoever is about to read them.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc


class Message(str):
    """A message for a person with values in it, which can still be translated.

    It is the English text: `Message("Limit must be at most {most}", most=100)`. The template and
    the values stay apart until somebody reads it; values that are messages are translated too.
    A message without values may be a plain literal, where it goes straight into an error.
    """

    __slots__ = ("context", "number", "plural", "template", "values")

    template: str
    plural: str
    number: int
    context: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> "Message":
        """The message that `template` makes with the values, written as by `str.format`."""
        return cls._made(template, "", 0, "", values)

    @classmethod
    def counted(cls, one: str, many: str, /, *, count: int, **values: object) -> "Message":
        """One of two templates by the number that they may name as `{count}`."""
        return cls._made(one, many, count, "", {"count": count, **values})

    @classmethod
    def field(cls, name: str) -> "Message":
        """What a field is called, at the beginning of a sentence; its words are the catalogs'."""
        return cls._made(name, "", 0, "field", {})

    @classmethod
    def _made(
        cls, template: str, plural: str, number: int, context: str, values: Mapping[str, object]
    ) -> "Message":
        chosen = plural if plural and number != 1 else template
        made = super().__new__(cls, chosen.format(**values) if values else chosen)
        made.template, made.plural, made.number = template, plural, number
        made.context, made.values = context, values
        return made


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


@dataclasses.dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its path in the request (`recipient.amount`), a code, a message.

    Where the message is the field's name and what is wrong with it, the `predicate` is the latter
    alone ("is required"), for those who put another name before it.
    """

    field: str
    code: str
    message: str
    predicate: str | None = dataclasses.field(default=None, compare=False)

    @classmethod
    def of(cls, field: str, code: str, predicate: str, *, called: str) -> "FieldError":
        """The error whose message is what the field is `called`, and the predicate."""
        sentence = Message("{field} {predicate}", field=called, predicate=predicate)
        return cls(field, code, sentence, predicate)


class Invalid(DomainError):
    """One or more fields are wrong."""

    code = "invalid"

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors: Sequence[FieldError] = tuple(errors)
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in self.errors))

    @classmethod
    def field(cls, field: str, code: str, message: str, predicate: str | None = None) -> "Invalid":
        """The error for a single wrong field."""
        return cls([FieldError(field, code, message, predicate)])
