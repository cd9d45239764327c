"""A script is read as a whole, or everything that is wrong with it is named by its place."""

from decimal import Decimal
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.scripts.scripts import HOST, found_wrong, read, user
from whipround.domain.scripts.decoding import MAX_BYTES
from whipround.domain.scripts.parsing import NotUnderstood, parse, parse_data
from whipround.domain.scripts.problems import MOST
from whipround.domain.scripts.recipients import Recipient
from whipround.domain.scripts.script import Origin, Participant, Parts, Percent, Script
from whipround.errors import Invalid
from whipround.locales import translate

# Mobbr, Create payment, example 3, but for the comma after its last field.
DOCUMENTED = """{
    "image": "https://avatars3.githubusercontent.com/u/3898718?v=3&s=400",
    "language": "EN",
    "title": "Any title",
    "description": "Any description",
    "participants": [
        {"id": "mailto:octocat@github.com", "role": "Platform-owner", "share": "1%"},
        {"id": "https://github.com/rippler", "role": "Contributor", "share": 24},
        {"id": "Patrick", "role": "Contributor", "share": 11}
    ],
    "keywords": ["keyword"],
    "message": "Text"
}"""


def refused(given: Any, origin: Origin = "payer") -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        read(given, origin)
    return found_wrong(error.value)


def participant(**fields: object) -> dict[str, object]:
    return {"participants": [{"id": "ann", **fields}]}


def test_the_documented_script() -> None:
    assert read(DOCUMENTED) == Script(
        participants=(
            Participant(
                Recipient("email", "octocat@github.com"), "Platform-owner", Percent(Decimal(1))
            ),
            Participant(Recipient("url", "https://github.com/rippler"), "Contributor", Parts(24)),
            Participant(user("patrick"), "Contributor", Parts(11)),
        ),
        image="https://avatars3.githubusercontent.com/u/3898718?v=3&s=400",
        language="EN",
        title="Any title",
        description="Any description",
        keywords=("keyword",),
        message="Text",
    )


def test_text_bytes_and_an_object_are_read_alike() -> None:
    script = read('{"title": "A"}')

    assert read(b'{"title": "A"}') == script
    assert read(b'\xef\xbb\xbf{"title": "A"}') == script
    assert read({"title": "A"}) == script


def test_what_is_not_said_is_nothing() -> None:
    names = ("type", "url", "title", "image", "language", "keywords", "message", "participants")

    assert read(dict.fromkeys(names)) == read({}) == Script()
    assert read(participant(share=None, role=None, comment=None)) == read(participant())
    assert read(participant()).participants == (Participant(user("ann"), "", Parts(1)),)


def test_what_is_unknown_ignored_or_ours_is_not_looked_at() -> None:
    script = {
        "comment": ["anything", "\0"],
        "homepage": {"deep": []},
        ".amount": 10,
        ".script-type": ["api"],
        "participants": [{"id": "ann", ".amount": "10", ".gravatar": 5, "email": "ben@b.org"}],
    }

    assert read(script) == read(participant())


def test_of_a_repeated_name_the_last_counts() -> None:
    assert read('{"title": "A", "title": "B"}').title == "B"


@pytest.mark.parametrize("name", ["payment", "pledge", "pay", "donation"])
def test_types(name: str) -> None:
    script = read({"type": name})

    assert script.type == name
    assert script.is_pledge is (name == "pledge")


def test_names_follow_the_base_of_ids() -> None:
    script = read(
        {
            "id-base": "https://github.com/",
            "participants": [{"id": "octocat"}, {"id": "a@b.org"}, {"id": "https://host.org/x"}],
        }
    )

    assert [each.recipient for each in script.participants] == [
        ("url", "https://github.com/octocat"),
        ("email", "a@b.org"),
        ("url", "https://host.org/x"),
    ]


def test_the_documents_base_of_ids_is_that_of_people_here() -> None:
    script = read({**participant(), "id-base": "https://mobbr.com/#/person/"})

    assert script.participants == (Participant(user("ann")),)


@pytest.mark.parametrize(
    ("share", "kept"),
    [
        (24, Parts(24)),
        ("24", Parts(24)),
        (10**9, Parts(10**9)),
        ("10%", Percent(Decimal(10))),
        (" 2.5 % ", Percent(Decimal("2.5"))),
        ("0.00000001%", Percent(Decimal("0.00000001"))),
        ("100%", Percent(Decimal(100))),
    ],
)
def test_shares(share: object, kept: object) -> None:
    assert read(participant(share=share)).participants[0].share == kept


@pytest.mark.parametrize(
    ("share", "code"),
    [
        ("0", "too_small"),
        ("-1", "too_small"),
        ('"0"', "too_small"),
        ('"0%"', "too_small"),
        ('"0.00000000%"', "too_small"),
        ("1000000001", "too_large"),
        ("1" + "0" * 400, "too_large"),
        ('"99999999999999999999"', "too_large"),
        ('"100.1%"', "too_large"),
        ("1.5", "invalid"),
        ("1.0", "invalid"),
        ("1e2", "invalid"),
        ('"1.5"', "invalid"),
        ('"-10%"', "invalid"),
        ('"1e1%"', "invalid"),
        ('"0.000000001%"', "invalid"),
        ('"%"', "invalid"),
        ('"1_0%"', "invalid"),
        ('"\u0661%"', "invalid"),
        ('"NaN"', "invalid"),
        ('""', "invalid"),
        ("true", "invalid"),
        ("[]", "invalid"),
        ("{}", "invalid"),
    ],
)
def test_shares_that_are_none(share: str, code: str) -> None:
    text = f'{{"participants": [{{"id": "ann"}}, {{"id": "ben", "share": {share}}}]}}'

    assert refused(text) == [("participants[1].share", code)]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999999999999999999999", "1" * 10_000])
def test_numbers_that_are_none(text: str) -> None:
    assert refused(f'{{"participants": [{{"id": "ann", "share": {text}}}]}}') == [
        ("script", "invalid")
    ]


@pytest.mark.parametrize(
    ("value", "place", "code"),
    [
        ({"type": "gift"}, "type", "unsupported"),
        ({"type": ["pledge"]}, "type", "unsupported"),
        ({"url": "host.org"}, "url", "invalid"),
        ({"url": 5}, "url", "invalid"),
        ({"image": "data:image/png;base64,AA"}, "image", "invalid"),
        ({"id-base": "people"}, "id-base", "invalid"),
        ({"title": 5}, "title", "invalid"),
        ({"title": "a\0b"}, "title", "invalid"),
        ({"title": "a\nb"}, "title", "invalid"),
        ({"title": "a\u202eb"}, "title", "invalid"),
        ({"title": "\ud800"}, "title", "invalid"),
        ({"title": "a" * 301}, "title", "too_long"),
        ({"description": "a" * 5001}, "description", "too_long"),
        ({"description": "a\0"}, "description", "invalid"),
        ({"message": "a" * 1001}, "message", "too_long"),
        ({"copyright": {}}, "copyright", "invalid"),
        ({"language": "English!"}, "language", "invalid"),
        ({"language": 1}, "language", "invalid"),
        ({"keywords": "a, b"}, "keywords", "invalid"),
        ({"keywords": ["a", 1]}, "keywords[1]", "invalid"),
        ({"keywords": ["a" * 101]}, "keywords[0]", "too_long"),
        ({"keywords": ["a"] * 101}, "keywords", "too_long"),
        ({"participants": {}}, "participants", "invalid"),
        ({"participants": ["ann"]}, "participants[0]", "invalid"),
        ({"participants": [{"id": "ann"}] * 1001}, "participants", "too_long"),
        ({"participants": [{}]}, "participants[0].id", "required"),
        (participant(id=""), "participants[0].id", "required"),
        (participant(id=5), "participants[0].id", "invalid"),
        (participant(id=["ann"]), "participants[0].id", "invalid"),
        (participant(id="two words"), "participants[0].id", "invalid"),
        (participant(id="a" * 2001), "participants[0].id", "too_long"),
        (participant(role="a" * 101), "participants[0].role", "too_long"),
        (participant(role="a\nb"), "participants[0].role", "invalid"),
        (participant(comment="\0"), "participants[0].comment", "invalid"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(value: object, place: str, code: str) -> None:
    assert refused(value) == [(place, code)]


def test_texts_of_several_lines_are_kept() -> None:
    assert read({"description": "One\r\n\tTwo "}).description == "One\r\n\tTwo "
    assert read({"title": "  A title "}).title == "A title"
    assert read({"title": " "}).title is None


def test_keywords_are_there_once() -> None:
    assert read({"keywords": ["Soap", "soap", "", "tea "]}).keywords == ("Soap", "tea")


def test_everything_that_is_wrong_is_named_but_not_without_end() -> None:
    value = {"title": 1, "image": 2, "participants": [{"id": "ann", "share": 0}, {"role": 3}]}

    assert refused(value) == [
        ("participants[0].share", "too_small"),
        ("participants[1].role", "invalid"),
        ("participants[1].id", "required"),
        ("title", "invalid"),
        ("image", "invalid"),
    ]
    assert len(refused({"participants": [{}] * 1000})) == 100


def test_a_place_within_something_larger() -> None:
    with pytest.raises(Invalid) as error:
        parse({"title": 1, "participants": [{}]}, hosts=(), place="[3].script")

    assert [field for field, _ in found_wrong(error.value)] == [
        "[3].script.participants[0].id",
        "[3].script.title",
    ]


def test_what_is_wrong_can_be_said_in_spanish() -> None:
    with pytest.raises(Invalid) as error:
        read(participant(share=0))

    [wrong] = error.value.errors
    assert wrong.message == "participants[0].share must be greater than 0"
    assert translate(wrong.message, "es") == "participants[0].share: debe ser mayor que 0"


# Who takes part.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann", "Ann"),
        ("ann", "https://mobbr.com/#/person/ann"),
        ("ann@b.org", "mailto:Ann@B.org"),
        ("tel:+31612345678", "tel:+31 6 1234 5678"),
        ("https://github.com/ann", "HTTPS://GitHub.com:443/ann/"),
    ],
)
def test_who_is_there_already_can_only_have_another_role(one: str, other: str) -> None:
    twice = [{"id": one, "role": "Author"}, {"id": other, "role": " author"}]

    assert refused({"participants": twice}) == [("participants[1].id", "already_taken")]
    twice[1]["role"] = "Editor"
    assert len(read({"participants": twice}).participants) == 2


def test_percentages_of_more_than_the_whole() -> None:
    shares = [{"id": "ann", "share": "60%"}, {"id": "ben", "share": "40.1%"}]

    assert refused({"participants": shares}) == [("participants", "too_large")]


def test_a_thousand_can_take_part() -> None:
    many = [{"id": f"https://github.com/p{at}", "share": at + 1} for at in range(1000)]

    assert len(read({"participants": many}).participants) == 1000


@pytest.mark.parametrize("origin", ["page", "domain"])
def test_pages_and_domains_cannot_say_what_they_are_about(origin: Origin) -> None:
    about = {"url": "https://host.org/a"}

    assert read(about).url == "https://host.org/a"
    assert refused(about, origin) == [("url", "unsupported")]


# What is no script.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1,}',
        "[]",
        "null",
        "5",
        '"text"',
        b"\xff{}",
        b'{"title": "\xff"}',
        '{"title": "\\ud800"}',
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" * 500_000,
        '{"a": "\ud800"}',
    ],
)
def test_what_is_no_script(text: str | bytes) -> None:
    assert refused(text) == [("script", "invalid")]


def test_more_than_a_script_may_be() -> None:
    padding = " " * (MAX_BYTES - 2)

    assert read("{" + padding + "}") == Script()
    assert refused("{ " + padding + "}") == [("script", "too_large")]


# The argument of a payment.


def test_data_is_a_script_or_whoever_is_paid() -> None:
    hosts = {HOST}

    assert parse_data({"title": "A"}, hosts=hosts) == Script(title="A")
    assert parse_data(' {"title": "A"}', hosts=hosts) == Script(title="A")
    assert parse_data("Patrick", hosts=hosts) == user("patrick")
    assert parse_data("me@mail.com", hosts=hosts) == Recipient("email", "me@mail.com")
    assert parse_data("https://github.com/a/b", hosts=hosts) == (
        "url",
        "https://github.com/a/b",
    )


@pytest.mark.parametrize("data", ["", "two words", "[]", None, 5, [], True])
def test_data_that_is_neither(data: object) -> None:
    with pytest.raises(NotUnderstood) as error:
        parse_data(data, hosts=())

    text = "Input is not an username, an email address, an URL or a valid script"
    assert error.value.message == text


def test_data_with_a_script_that_is_wrong() -> None:
    with pytest.raises(Invalid) as error:
        parse_data('{"title": 5}', hosts=())

    assert found_wrong(error.value) == [("title", "invalid")]


# Anything.

_SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.decimals()
_ANYTHING = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)
_SHARES = st.sampled_from(["10%", "1e9%", 0, 1, -1, "60%", 1.5, "1"]) | _ANYTHING
_PARTICIPANTS = st.fixed_dictionaries(
    {}, optional={"id": st.text() | _ANYTHING, "role": _ANYTHING, "share": _SHARES}
)
_NAMES = ("type", "url", "title", "image", "language", "keywords", "message", "id-base")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "participants": st.lists(_PARTICIPANTS | _ANYTHING, max_size=4) | _ANYTHING,
            **dict.fromkeys(_NAMES, _ANYTHING),
        },
    )
    | _ANYTHING
)
def test_any_json_is_a_script_or_wrong(value: Any) -> None:
    found: Script | Recipient | list[tuple[str, str]]
    try:
        found = read(value) if isinstance(value, dict) else parse_data(value, hosts=())
    except NotUnderstood:
        return
    except Invalid as error:
        found = found_wrong(error)

    assert isinstance(found, Script | Recipient) or (found and all(map(all, found)))


@given(st.text() | st.binary())
def test_any_text_is_a_script_or_wrong(text: str | bytes) -> None:
    found: Script | list[tuple[str, str]]
    try:
        found = read(text)
    except Invalid as error:
        found = found_wrong(error)

    assert isinstance(found, Script) or (found and all(map(all, found)))


def test_no_more_ids_are_read_than_are_named_as_wrong() -> None:
    long = "a@" + "\xfc." * 120 + "org"
    began = process_time()

    with pytest.raises(Invalid) as error:
        read({"participants": [{"id": long} for _ in range(1_000)]})
    assert len(found_wrong(error.value)) == MOST
    assert process_time() - began < 2
