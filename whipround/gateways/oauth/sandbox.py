"""A GitHub for trying things out, where everybody is who they say they are."""

import re
from urllib.parse import urlencode

from whipround.gateways.oauth.protocol import CodeRefused
from whipround.gateways.profiles import profile_of

CALLBACK = "/api_v1/user/oauth_callback"

_TEST = re.compile(r"oauth_test_([A-Za-z0-9-]{1,39})", re.ASCII)


class SandboxProvider:
    """Knows the codes `oauth_test_NAME`, each of the profile https://github.com/NAME."""

    def address(self, *, state: str, verifier: str) -> str:  # noqa: ARG002
        """Where `octocat` would come back to."""
        return f"{CALLBACK}?{urlencode({'code': 'oauth_test_octocat', 'state': state})}"

    async def profile(self, *, code: str, verifier: str) -> str:  # noqa: ARG002
        """The profile of that code. Raises CodeRefused for any other code."""
        test = _TEST.fullmatch(code)
        profile = profile_of(f"https://github.com/{test[1]}") if test else None
        if profile is None:
            raise CodeRefused("a sandbox knows oauth_test_NAME only")
        return profile.url

    async def close(self) -> None:
        """Nothing is open."""
