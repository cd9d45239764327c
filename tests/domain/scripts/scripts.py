"""Makers and strategies of payment scripts."""

from collections.abc import Mapping
from decimal import Decimal

from hypothesis import strategies as st

from whipround.domain.scripts.parsing import parse
from whipround.domain.scripts.recipients import Recipient
from whipround.domain.scripts.script import Origin, Participant, Parts, Percent, Script, Share
from whipround.errors import FieldError, Invalid

HOST = "pay.example"
PEOPLE = f"https://{HOST}/#/person/"


def read(given: str | bytes | Mapping[str, object], origin: Origin = "payer") -> Script:
    """A script of a server at HOST."""
    return parse(given, hosts={HOST}, origin=origin)


def user(name: str) -> Recipient:
    return Recipient("username", name)


def made(*shares: int | str) -> Script:
    """A script of a person for each share, such as 24 or "10%"."""
    return Script(tuple(Participant(user(f"p{at}"), share=one(it)) for at, it in enumerate(shares)))


def one(share: int | str) -> Share:
    return Parts(share) if isinstance(share, int) else Percent(Decimal(share.removesuffix("%")))


def found_wrong(error: Invalid) -> list[tuple[str, str]]:
    """The place and code of each thing that is wrong."""
    assert all(isinstance(each, FieldError) for each in error.errors)
    return [(each.field, each.code) for each in error.errors]


# Shares of any script that a payment can be divided by: whole numbers, percentages, or both.
PARTS = st.integers(1, 10**9)
PERCENTAGES = st.decimals(min_value="0.00000001", max_value=10, places=8)


@st.composite
def divisible(draw: st.DrawFn) -> Script:
    """Scripts that a payment can be divided by."""
    shares: list[Share] = [Parts(count) for count in draw(st.lists(PARTS, max_size=8))]
    percents = draw(st.lists(PERCENTAGES, max_size=8))
    if not shares:
        percents.append(Decimal(100) - sum(percents, Decimal(0)))
    shares += [Percent(percent) for percent in percents]
    return Script(
        tuple(
            Participant(user(f"p{at}"), share=share)
            for at, share in enumerate(draw(st.permutations(shares)))
        )
    )


LINES = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20)
TEXTS = st.none() | LINES.map(lambda line: line or None)
NAMES = st.from_regex(r"[a-z0-9._-]{1,30}", fullmatch=True)
RECIPIENTS = st.one_of(
    NAMES.map(user),
    st.from_regex(r"[a-z0-9%?+]{1,10}@[a-z]{1,10}\.org", fullmatch=True).map(
        lambda address: Recipient("email", address)
    ),
    st.from_regex(r"\+316[0-9]{8}", fullmatch=True).map(lambda it: Recipient("phone", it)),
    st.from_regex(r"https?://[a-z]{1,9}\.org/[A-Za-z0-9~_-]{1,9}(\?q=[a-z]{1,3})?", fullmatch=True)
    .filter(lambda address: not address.startswith(PEOPLE))
    .map(lambda address: Recipient("url", address)),
    st.from_regex(r"[A-Za-z0-9]{26,35}", fullmatch=True).map(lambda it: Recipient("bitcoin", it)),
)


@st.composite
def scripts(draw: st.DrawFn, recipients: st.SearchStrategy[Recipient] = RECIPIENTS) -> Script:
    """Scripts of any kind that can be written, perhaps of nobody."""
    participants = st.builds(
        Participant,
        recipients,
        role=LINES,
        share=PARTS.map(Parts) | PERCENTAGES.map(Percent),
        comment=LINES,
    )
    address = st.none() | st.just("https://example.org/page?x=1")
    return Script(
        participants=tuple(draw(st.lists(participants, max_size=8, unique_by=lambda it: it.key))),
        type=draw(st.sampled_from(["payment", "pledge", "pay", "donation"])),
        url=draw(address),
        title=draw(TEXTS),
        description=draw(TEXTS),
        image=draw(address),
        language=draw(st.sampled_from([None, "EN", "en-GB"])),
        keywords=tuple(
            draw(st.lists(LINES.filter(bool), max_size=3, unique_by=lambda word: word.casefold()))
        ),
        message=draw(TEXTS),
        copyright=draw(TEXTS),
    )
