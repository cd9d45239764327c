"""A Facebook for trying things out, which knows a person for every name."""

import hashlib
import re
from datetime import datetime

from whipround.gateways.facebook.protocol import FacebookPerson, TokenRefused

DOCUMENTED = "FACEBOOK_OAUTH_TOKEN"
"""The token that Moneypool's document shows."""

_TEST = re.compile(r"fb_test_([A-Za-z0-9][A-Za-z0-9._-]{0,49})", re.ASCII)


class SandboxFacebook:
    """Knows the tokens `fb_test_NAME`, each of a person NAME@example.com, and the document's."""

    async def person(self, token: str, *, now: datetime) -> FacebookPerson:  # noqa: ARG002
        """The person of that token, always the same. Raises TokenRefused for any other token."""
        if token == DOCUMENTED:
            return FacebookPerson(_id(token), "John Doe", "user@example.com")
        test = _TEST.fullmatch(token)
        if test is None:
            raise TokenRefused("a sandbox knows fb_test_NAME only")
        name = test[1]
        words = " ".join(re.split("[._-]+", name)).strip().title()
        return FacebookPerson(_id(name.lower()), words, f"{name.lower()}@example.com")

    async def close(self) -> None:
        """Nothing is open."""


def _id(name: str) -> str:
    """A number of 15 digits, as Facebook's ids within an app are."""
    digest = hashlib.sha256(name.encode()).digest()
    return str(10**14 + int.from_bytes(digest[:6], "big") % (9 * 10**14))
