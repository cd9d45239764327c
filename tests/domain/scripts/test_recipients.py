"""Whoever is meant is known, however they are written."""

import pytest
from hypothesis import given

from tests.domain.scripts.scripts import HOST, PEOPLE, RECIPIENTS, user
from whipround.domain.scripts.recipients import Recipient, is_name, recipient, written

HOSTS = {HOST, "localhost:8000"}


def email(address: str) -> Recipient:
    return Recipient("email", address)


def url(address: str) -> Recipient:
    return Recipient("url", address)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Patrick", user("patrick")),
        (" patrick ", user("patrick")),
        ("github.com", user("github.com")),
        ("https://mobbr.com/#/person/Patrick", user("patrick")),
        ("http://Mobbr.com#/person/patrick/", user("patrick")),
        (f"https://{HOST}/#/person/%50atrick?x=y", user("patrick")),
        ("http://localhost:8000/#/person/patrick", user("patrick")),
        ("me@mail.com", email("me@mail.com")),
        ("mailto:Me@Mail.COM", email("me@mail.com")),
        ("MAILTO:me%2Bmobbr@mail.com", email("me+mobbr@mail.com")),
        ("tel:+31612345678", Recipient("phone", "+31612345678")),
        ("tel:+31-6-1234%205678", Recipient("phone", "+31612345678")),
        (
            "bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT?amount=1",
            Recipient("bitcoin", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
        ),
        ("https://github.com/rippler", url("https://github.com/rippler")),
        ("HTTPS://GITHUB.COM/rippler/", url("https://github.com/rippler")),
        ("https://github.com", url("https://github.com/")),
        ("https://host.org/?u=1/", url("https://host.org/?u=1/")),
        ("https://host.org/#/person/patrick", url("https://host.org/#/person/patrick")),
        ("https://localhost:8001/#/person/x", url("https://localhost:8001/#/person/x")),
        ("https://mobbr.com/a#/person/patrick", url("https://mobbr.com/a#/person/patrick")),
        ("https://mobbr.com/#/task/x", url("https://mobbr.com/#/task/x")),
    ],
)
def test_who_is_meant(text: str, meant: Recipient) -> None:
    assert recipient(text, hosts=HOSTS) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "two words",
        "ümlaut",
        "a" * 101,
        "a@b",
        "a@b@c.org",
        "mailto:",
        "mailto:me",
        "mailto:a@b.org,c@d.org",
        "tel:0612345678",
        "tel:+",
        "bitcoin:",
        "bitcoin:not an address",
        "ftp://host.org/x",
        "twitter:x",
        "https://user@host.org/",
        "https://mobbr.com/#/person/two%20words",
        "\ud800@host.org",
        "name\0",
        "https://host.org/" + "a" * 2000,
    ],
)
def test_who_cannot_be_meant(text: str) -> None:
    assert recipient(text, hosts=HOSTS) is None


@given(RECIPIENTS)
def test_an_id_as_it_is_written_means_the_same_again(meant: Recipient) -> None:
    assert recipient(written(meant, people=PEOPLE), hosts=HOSTS) == meant
    assert recipient(written(meant, people=""), hosts=()) == meant


def test_how_it_is_written() -> None:
    assert written(user("patrick"), people=PEOPLE) == "https://pay.example/#/person/patrick"
    assert written(email("a%41@b.org"), people=PEOPLE) == "mailto:a%2541@b.org"
    assert written(Recipient("phone", "+31612345678"), people=PEOPLE) == "tel:+31612345678"


def test_what_is_no_more_than_a_name() -> None:
    assert [is_name(text) for text in ("Patrick", "22656/jon", "~x")] == [True] * 3
    assert not any(is_name(text) for text in ("a@b.org", "tel:+316", "https://host.org/"))
