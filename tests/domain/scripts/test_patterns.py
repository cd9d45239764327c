"""A domain has scripts for those of its pages that match, and for no others."""

import json
import re
from time import perf_counter, process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.scripts.scripts import found_wrong
from whipround.domain.scripts.decoding import MAX_BYTES
from whipround.domain.scripts.patterns import matches, parse_rules, scripts_for
from whipround.domain.scripts.script import Script
from whipround.errors import Invalid

PAGE = "https://host.org/article/1"


def refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        scripts_for(PAGE, text, hosts=())
    return found_wrong(error.value)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*", "/"),
        ("/*", "/"),
        ("/", "/"),
        ("/article/*", "/article/"),
        ("/article/*", "/article/1/2?a=b"),
        ("/article/1", "/article/1"),
        ("/article/1", "/article/1?from=elsewhere"),
        ("*/1", "/article/1"),
        ("/*/*/c*", "/a/b/cd"),
        ("/a*a", "/aa"),
        ("/a**a", "/aba"),
        ("/article?id=*", "/article?id=5"),
        ("*id=5*", "/article?id=5"),
        ("/a*?b=1", "/article?b=1"),
        (r"/a\*b", "/a*b"),
        (r"/a\*b", "/a%2Ab"),
        (r"/\**", "/*anything"),
        (r"/a\b", "/a%5Cb"),
        ("/ü/*", "/%C3%BC/1"),
        ("/%C3%BC/*", "/%C3%BC/1"),
        ("/a%2Ab", "/a*b"),
        ("/a b", "/a%20b"),
        ("/a%3Fb", "/a%3Fb?from=elsewhere"),
    ],
)
def test_what_matches(pattern: str, path: str) -> None:
    assert matches(pattern, f"https://host.org{path}")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/", "/a"),
        ("/article/*", "/article"),
        ("/article/*", "/articles/1"),
        ("/article/*", "/x/article/1"),
        ("/Article/*", "/article/1"),
        ("/a*a", "/a"),
        ("/ab*ba", "/aba"),
        ("/*b*b", "/ab"),
        ("/article?id=5", "/article?id=55"),
        ("/article?id=5", "/article"),
        (r"/a\*b", "/axb"),
        ("/a.b", "/axb"),
        ("/[ab]", "/a"),
        ("", "/"),
        ("/a?b", "/a%3Fb?from=elsewhere"),
    ],
)
def test_what_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, f"https://host.org{path}")


@given(
    st.text(st.sampled_from("/ab*"), max_size=8).map(lambda text: f"/{text}"),
    st.text(st.sampled_from("/ab"), max_size=12).map(lambda text: f"/{text}"),
)
def test_it_matches_as_a_regular_expression_would(pattern: str, path: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path) is not None

    assert matches(pattern, f"https://host.org{path}") is expected


def test_no_pattern_takes_long() -> None:
    page = "https://host.org/" + "a" * 1980

    began = perf_counter()

    assert not matches("/" + "*a" * 900 + "*b", page)
    assert not matches("/*" + "a*" * 900 + "b*", page)
    assert perf_counter() - began < 0.1


def test_what_is_wrong_with_very_many_participants_is_soon_said() -> None:
    def rules(count: int, ids: int) -> str:
        script = {"participants": [{"id": f"u{number}@x.org"} for number in range(ids)]}
        return json.dumps([{"url-pattern": "*", "script": script}] * count)

    began = process_time()

    assert refused(rules(30, 900)) == [("participants", "too_long")]
    assert process_time() - began < 1
    assert len(scripts_for(PAGE, rules(5, 1), hosts=())) == 5


def test_every_script_that_matches_in_order() -> None:
    text = """[
        {"url-pattern": "*", "script": {"title": "All", "participants": [{"id": "owner"}]}},
        {"url-pattern": "/shop/*", "script": {"title": "Shop"}},
        {"url-pattern": "/article/*", "script": {"title": "Article"}, "comment": "ignored"}
    ]"""

    titles = [each.title for each in scripts_for(PAGE, text, hosts=())]

    assert titles == ["All", "Article"]
    assert scripts_for(PAGE, b"[]", hosts=()) == []


def test_what_is_wrong_with_the_script_of_other_pages_does_not_matter() -> None:
    text = """[
        {"url-pattern": "/shop/*", "script": {"title": 5}},
        {"url-pattern": "/article/*", "script": {"title": "Article"}}
    ]"""

    assert scripts_for(PAGE, text, hosts=()) == [Script(title="Article")]


@pytest.mark.parametrize(
    ("rule", "place", "code"),
    [
        ("5", "[0]", "invalid"),
        ('{"script": {}}', "[0].url-pattern", "required"),
        ('{"url-pattern": 5, "script": {}}', "[0].url-pattern", "invalid"),
        ('{"url-pattern": "", "script": {}}', "[0].url-pattern", "invalid"),
        ('{"url-pattern": "https://host.org/*", "script": {}}', "[0].url-pattern", "invalid"),
        (f'{{"url-pattern": "/{"a" * 2000}", "script": {{}}}}', "[0].url-pattern", "too_long"),
        ('{"url-pattern": "*"}', "[0].script", "required"),
        ('{"url-pattern": "*", "script": "text"}', "[0].script", "invalid"),
        (
            '{"url-pattern": "*", "script": {"url": "https://host.org"}}',
            "[0].script.url",
            "unsupported",
        ),
        (
            '{"url-pattern": "*", "script": {"participants": [{"id": "ann", "share": 0}]}}',
            "[0].script.participants[0].share",
            "too_small",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_place(rule: str, place: str, code: str) -> None:
    assert refused(f"[{rule}]") == [(place, code)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "invalid"),
        ("<html>", "invalid"),
        ("", "invalid"),
        ("[" + "{}," * 1000 + "{}]", "too_long"),
        ("[" + " " * MAX_BYTES + "]", "too_large"),
        ("[" * 100_000, "invalid"),
    ],
)
def test_what_are_no_rules(text: str, code: str) -> None:
    assert refused(text) == [("participation", code)]


def test_several_wrong_rules_are_all_named() -> None:
    assert refused('[{"script": 5}, {"url-pattern": "*", "script": {}}, []]') == [
        ("[0].url-pattern", "required"),
        ("[0].script", "invalid"),
        ("[2]", "invalid"),
    ]


def test_rules_know_their_place() -> None:
    [rule] = parse_rules('[{"url-pattern": "*", "script": {"a": 1}}]', place="file")

    assert rule == ("*", {"a": 1}, "file[0]")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["/*", "*", "/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url-pattern", "script", "participants", "id", "share", ""]), inner
        )
    ),
    max_leaves=10,
)


@given(st.text() | st.binary() | _VALUES.map(json.dumps) | st.lists(_VALUES).map(json.dumps))
def test_any_text_is_scripts_or_wrong(text: str | bytes) -> None:
    found: list[Script] | list[tuple[str, str]]
    try:
        found = scripts_for(PAGE, text, hosts=())
    except Invalid as error:
        found = found_wrong(error)

    assert all(isinstance(each, Script) or all(each) for each in found)
