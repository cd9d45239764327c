"""What tells whose an access token of Facebook's is, and how it says that it cannot."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class FacebookError(Exception):
    """It is not known whose a token is. The text is for operators, and quotes no token."""


class TokenRefused(FacebookError):
    """The token is none of Facebook's, or not for our app, or no longer good."""


class FacebookUnavailable(FacebookError):
    """Facebook gave no answer that says anything about the token; later it may."""


class NotConfigured(FacebookError):
    """The operator has not set up an app at Facebook."""


@dataclass(frozen=True, slots=True)
class FacebookPerson:
    """Whose a token is, as Facebook has it.

    `id` is theirs within our app, and never another person's. `name` and `email` are as they come:
    of any form, or missing; and that Facebook has an address proves nothing here.
    """

    id: str
    name: str = field(repr=False)
    email: str | None = field(repr=False)


class Facebook(Protocol):
    """Where tokens are checked."""

    async def person(self, token: str, *, now: datetime) -> FacebookPerson:
        """Whose token it is: one for our app, that is good now. Raises a FacebookError."""
        ...

    async def close(self) -> None:
        """Let go of what is held open."""
        ...
