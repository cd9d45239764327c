"""What tells whose profile somebody's is at a site, and how it says that it cannot."""

from typing import Protocol


class OAuthError(Exception):
    """It is not known whose profile it is. The text is for operators, and quotes no secret."""


class CodeRefused(OAuthError):
    """The site did not give that code, or has taken it back, or gave it to somebody else."""


class ProviderUnavailable(OAuthError):
    """The site gave no answer that says anything about the person; later it may."""


class Provider(Protocol):
    """A site where people have profiles, and log in to show that they are theirs."""

    def address(self, *, state: str, verifier: str) -> str:
        """Where to send somebody, who comes back with the `state` and a code.

        The `verifier`, 43 to 128 letters, digits, `-` and `_`, is to be shown with the code (RFC
        7636). An address without a host is one of this server.
        """
        ...

    async def profile(self, *, code: str, verifier: str) -> str:
        """The canonical address of the profile of whoever came back with the code.

        Raises an OAuthError.
        """
        ...

    async def close(self) -> None:
        """Let go of what is held open."""
        ...
