"""Which Facebook an installation asks, and the one that a sandbox plays."""

from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr

from whipround.gateways.facebook.graph import GraphFacebook
from whipround.gateways.facebook.live import Unconfigured, facebook_of, open_facebook
from whipround.gateways.facebook.protocol import FacebookPerson, NotConfigured, TokenRefused
from whipround.gateways.facebook.sandbox import SandboxFacebook
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

SECRET = SecretStr("0123456789abcdef0123456789abcdef")
SET_UP: dict[str, Any] = {"facebook_app_id": "138483919580948", "facebook_app_secret": SECRET}


async def test_what_is_asked(now: datetime) -> None:
    async with open_facebook(Settings(**SET_UP), sandbox=False) as facebook:
        assert isinstance(facebook, GraphFacebook)
    assert isinstance(facebook_of(Settings(**SET_UP), sandbox=True), SandboxFacebook)
    assert Settings(facebook_app_id=138483919580948).facebook_app_id == "138483919580948"
    unset = facebook_of(Settings(), sandbox=False)
    assert isinstance(unset, Unconfigured)
    with pytest.raises(NotConfigured):
        await unset.person("EAAB", now=now)
    await unset.close()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"facebook_app_secret": None}, "belong together"),
        ({"facebook_app_id": None}, "belong together"),
        ({"facebook_app_id": "my app"}, "WHIPROUND_FACEBOOK_APP_ID must be the app's number"),
        ({"facebook_app_secret": SecretStr("a|b")}, "WHIPROUND_FACEBOOK_APP_SECRET must be"),
        ({"facebook_graph_url": "http://graph.facebook.com"}, "WHIPROUND_FACEBOOK_GRAPH_URL"),
    ],
    ids=["no-secret", "no-id", "id", "secret", "url"],
)
def test_half_a_configuration_is_refused(given: dict[str, Any], why: str) -> None:
    settings = Settings(**{**SET_UP, **given})

    with pytest.raises(GatewayMisconfigured, match=why) as refused:
        facebook_of(settings, sandbox=False)

    assert SECRET.get_secret_value() not in str(refused.value)


async def test_the_people_of_a_sandbox(now: datetime) -> None:
    facebook = SandboxFacebook()

    jane = await facebook.person("fb_test_Jane.Roe", now=now)
    again = await facebook.person("fb_test_jane.roe", now=now)
    john = await facebook.person("FACEBOOK_OAUTH_TOKEN", now=now)

    assert jane == FacebookPerson(jane.id, "Jane Roe", "jane.roe@example.com")
    assert again == jane
    assert (john.name, john.email) == ("John Doe", "user@example.com")
    assert len({jane.id, john.id}) == 2
    assert {len(jane.id), len(john.id)} == {15}
    for token in ("", "fb_test_", "fb_test_a b", "fb_test_a\n", "fb_test_-", "EAAB1"):
        with pytest.raises(TokenRefused):
            await facebook.person(token, now=now)
    await facebook.close()
