"""What is written in XML is read as the same, whatever it is."""

import contextlib
import json
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.api.mobbr.xml import Unreadable, read, transcribed

DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXTS | st.sampled_from(["item", "field", "xmlns", ".amount", "a-b", "1", "a:b", "é", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_every_value_survives(value: dict[str, Any]) -> None:
    written = transcribed(json.dumps(value).encode())

    assert fromstring(written).tag == "response"
    assert read(written) == value


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({"result": None}, '<result type="null" />'),
        ({"a": "x < y & z", "b": ""}, "<a>x &lt; y &amp; z</a><b />"),
        ({"a": [], "b": {}}, '<a type="array" /><b type="object" />'),
        ({"a": ["x", [1]]}, '<a><item>x</item><item><item type="number">1</item></item></a>'),
        ({".x-id": "Ann"}, '<field name=".x-id">Ann</field>'),
        ({"item": True}, '<field name="item" type="boolean">true</field>'),
        ({"a": "b\\\a\n"}, '<a escaped="text">b\\\\\\u0007\n</a>'),
        ({"\r": "\0"}, '<field name="\\u000d" escaped="name text">\\u0000</field>'),
        ({"é": "\ufffe😀"}, '<field name="é" escaped="text">\\ufffe😀</field>'),
    ],
)
def test_how_it_is_written(said: object, written: str) -> None:
    expected = DECLARATION + f"<response>{written}</response>".encode()

    assert transcribed(json.dumps(said).encode()) == expected


def test_a_number_keeps_its_digits() -> None:
    written = transcribed(b'{"a": 1.50, "b": 12345678901234567890.12345678, "c": 1e2}')

    numbers = [it.text for it in fromstring(written)]
    assert numbers == ["1.50", "12345678901234567890.12345678", "1E+2"]
    assert [str(it) for it in read(written).values()] == numbers


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<a/>", {}),
        ("<a><b/></a>", {"b": ""}),
        ("<a>\n  <b> x </b>\n</a>", {"b": " x "}),
        ("<a><b>1</b><b>2</b><c>3</c></a>", {"b": ["1", "2"], "c": "3"}),
        ("<a><b type='array'><x>1</x></b></a>", {"b": ["1"]}),
        ("<a><b type='string'>1</b></a>", {"b": "1"}),
        ("<a><b type='boolean'>1</b><c type='number'> 2 </c></a>", {"b": True, "c": 2}),
        ("<a xmlns='urn:x'><b><![CDATA[<c>]]></b></a>", {"b": "<c>"}),
        ("<a><field>x</field></a>", {"field": "x"}),
        ("<a><b>x<!-- y -->z</b></a>", {"b": "xz"}),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a><b>é</b></a>", {"b": "é"}),
        ("<a><item>1</item></a>", {"item": "1"}),
    ],
)
def test_how_it_is_read(written: str, said: object) -> None:
    assert read(written.encode()) == said


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"x",
        b"<a>",
        b"<a>x<b/></a>",
        b"<a><b/>x</a>",
        b"<a><b type='number'>x</b></a>",
        b"<a><b type='number'>true</b></a>",
        b"<a><b type='number'>1e99999999999999999999</b></a>",
        b"<a><b type='number'>NaN</b></a>",
        b"<a><b type='boolean'>yes</b></a>",
        b"<a><b type='null'>x</b></a>",
        b"<a><b type='other'>x</b></a>",
        b"<a><b>\xff</b></a>",
        b"<a><b>&#0;</b></a>",
        b"<a>&b;</a>",
        b"<?xml version='1.0' encoding='cp037'?>" + "<a/>".encode("cp037"),
        b"<!DOCTYPE a><a/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a><d>&b;</d></a>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a><d>&b;</d></a>",
        b"<a>" * 500 + b"</a>" * 500,
        b"<a>" * 25_000 + b"</a>" * 25_000,
        b"<a>" + b"<b/>" * 50_000 + b"</a>",
    ],
)
def test_what_cannot_be_read(written: bytes) -> None:
    with pytest.raises(Unreadable):
        read(written)


_TAGS = ["<a>", "</a>", "<item/>", "<a type='number'>", "<field name='b'>", "</field>", "&lt;", "1"]
_ODD = [
    "<!DOCTYPE a>",
    "<?xml version='1.0' encoding='utf-16'?>",
    "&b;",
    "<![CDATA[",
    "\0",
    "<a:b>",
]


@given(st.binary() | st.lists(st.sampled_from(_TAGS + _ODD)).map("".join).map(str.encode))
def test_whatever_is_sent_is_read_or_not(body: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(read(b"<a>" + body + b"</a>"), dict)
    with contextlib.suppress(Unreadable):
        assert isinstance(read(body), dict)
