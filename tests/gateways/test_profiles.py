"""Whose profile an address is."""

import pytest

from whipround.gateways.profiles import PROVIDERS, Profile, profile_of


@pytest.mark.parametrize(
    ("url", "provider", "name"),
    [
        ("https://github.com/PatrickSavalle", "github", "patricksavalle"),
        ("http://www.github.com/octocat/?tab=stars#x", "github", "octocat"),
        ("https://stackoverflow.com/users/22656/jon-skeet", "stackoverflow", "22656"),
        ("https://stackoverflow.com/users/22656/Jön", "stackoverflow", "22656"),
        ("https://stackoverflow.com/users/22656", "stackoverflow", "22656"),
        ("https://twitter.com/Mobbr_com", "twitter", "mobbr_com"),
        ("https://x.com/@jack", "twitter", "jack"),
        ("https://mobile.twitter.com/jack", "twitter", "jack"),
        ("http://gravatar.com/patricksavalle", "gravatar", "patricksavalle"),
        ("https://en.gravatar.com/patricksavalle", "gravatar", "patricksavalle"),
        ("https://nl.linkedin.com/in/Jane-Roe-1", "linkedin", "jane-roe-1"),
        ("https://gitlab.com/jane.roe", "gitlab", "jane.roe"),
        ("HTTPS://BITBUCKET.ORG./janeroe/", "bitbucket", "janeroe"),
    ],
)
def test_profiles(url: str, provider: str, name: str) -> None:
    profile = profile_of(url)

    assert profile == Profile(provider, name)
    assert profile_of(profile.url) == profile
    assert profile.url.startswith("https://")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/octocat/Hello-World",
        "https://github.com/settings",
        "https://github.com/\N{KELVIN SIGN}ate",
        "https://github.com/%6Fctocat",
        "https://github.com",
        "https://stackoverflow.com/users/jon-skeet",
        "https://stackoverflow.com/questions/22656/what",
        "https://stackoverflow.com/users/0",
        "https://twitter.com/search?q=a",
        "https://twitter.com/jack/status/20",
        "https://twitter.com/" + "a" * 16,
        "https://x.com/i",
        "https://gravatar.com/avatar",
        "https://gravatar.com/avatar/7194e8d48fa1d2b689f99443b767316c",
        "https://linkedin.com/company/github",
        "https://gitlab.com/explore",
        "https://gitlab.com/group/project",
        "https://bitbucket.org/account",
        "https://example.com/octocat",
        "https://github.com.example.com/octocat",
        "https://notgithub.com/octocat",
        "https://a@github.com/octocat",
        "https://github.com:8443/octocat",
        "http://github.com:443/octocat",
        "mailto:octocat@github.com",
        "octocat",
        "https://[x",
        "",
    ],
)
def test_what_is_no_profile(url: str) -> None:
    assert profile_of(url) is None


def test_every_provider_has_a_name_and_an_address() -> None:
    for word, provider in PROVIDERS.items():
        assert provider.title
        assert profile_of(provider.url.format(name="1234")) == Profile(word, "1234")
