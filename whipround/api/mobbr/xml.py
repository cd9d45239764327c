"""XML in place of JSON: the same values, one to one, written and read.

`{"result": [{"id": "a", ".amount": 1}], "message": null}` is, without the blanks::

    <response>
      <result><item><id>a</id><field name=".amount" type="number">1</field></item></result>
      <message type="null" />
    </response>

A field is an element of its name; one whose name is none in XML, or means something here, is a
`<field name="…">`. What is in a list is an `<item>`. An element that is not a text says its `type`
where what is in it does not show it: `number`, `boolean`, `null`, an empty `array` or `object`. XML
has no control characters: an element with some says in `escaped` whether its `text`, its `name` or
both have them as `\\u0007`, and each backslash twice.
"""

import re
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

_ROOT, _ITEM, _FIELD = "response", "item", "field"

_NAME = re.compile(r"(?!xml)[a-z_][a-z0-9._-]*", re.ASCII | re.IGNORECASE)
# XML has no carriage return either: it is read as a line's end.
_NO_CHARACTER = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_ESCAPED = re.compile(r"\\(?:\\|u([0-9a-fA-F]{4}))")

_MOST_LEVELS = 100
# The largest script has a tenth of them; a body full of them would keep everybody waiting.
_MOST_TAGS = 50_000

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Unreadable(ValueError):
    """This is no XML, or none that says what it means."""


def transcribed(body: bytes) -> bytes:
    """JSON as XML."""
    root = Element(_ROOT)
    _write(root, _decode(body))
    written: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _write(element: Element, value: object) -> None:
    """Make an element say a value."""
    match value:
        case str():
            element.text = _shown(element, "text", value)
        case bool():
            element.set("type", "boolean")
            element.text = "true" if value else "false"
        case int() | Decimal():
            element.set("type", "number")
            element.text = str(value)
        case None:
            element.set("type", "null")
        case list():
            _mark_empty(element, value, "array")
            for each in value:
                _write(SubElement(element, _ITEM), each)
        case dict():
            _mark_empty(element, value, "object")
            for name, each in value.items():
                _write(_field(element, name), each)


def _mark_empty(element: Element, value: list[Any] | dict[str, Any], kind: str) -> None:
    if not value:
        element.set("type", kind)


def _field(parent: Element, name: str) -> Element:
    """A new element for a field of this name."""
    if _NAME.fullmatch(name) and name not in {_ITEM, _FIELD}:
        return SubElement(parent, name)
    element = SubElement(parent, _FIELD, name="")
    element.set("name", _shown(element, "name", name))
    return element


def _shown(element: Element, what: str, text: str) -> str:
    """A text as XML can have it; if that is not as it is, the element says so."""
    if not _NO_CHARACTER.search(text):
        return text
    element.set("escaped", f"{element.get('escaped', '')} {what}".strip())
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\\", "\\\\"))


def read(body: bytes) -> dict[str, Any]:
    """The values that the elements within the root say, by their names, whatever it is called.

    Elements of the same name are a list, as `<item>`s are, and an element without a type and
    without elements is a text. It is in UTF-8, and there is no document type and no entity. Raises
    Unreadable.
    """
    if body.count(b"<") > _MOST_TAGS:
        raise Unreadable
    # Whatever encoding it says: in another one tags could be anything.
    parser = DefusedXMLParser(encoding="utf-8", forbid_dtd=True)
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Unreadable from error
    return _read_object(root, 0)


def _read(element: Element, level: int) -> Any:
    """What an element says."""
    if level > _MOST_LEVELS:
        raise Unreadable
    kind = element.get("type")
    names = {_tag(each) for each in element}
    if names == {_ITEM} or kind == "array":
        _check_blank(element)
        return [_read(each, level + 1) for each in element]
    if names or kind == "object":
        return _read_object(element, level)
    text = _unescaped(element, "text", element.text or "")
    match kind:
        case None | "string":
            return text
        case "null" if not text:
            return None
        case "boolean" if text in {"true", "false", "1", "0"}:
            return text in {"true", "1"}
        case "number":
            return _number(text)
    raise Unreadable


def _read_object(element: Element, level: int) -> dict[str, Any]:
    _check_blank(element)
    found: dict[str, list[Any]] = {}
    for each in element:
        found.setdefault(_name(each), []).append(_read(each, level + 1))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _check_blank(element: Element) -> None:
    """See that nothing is lost: there is no text beside elements."""
    if any((text or "").strip() for text in (element.text, *(each.tail for each in element))):
        raise Unreadable


def _tag(element: Element) -> str:
    """The name of an element, in whatever namespace."""
    return str(element.tag).rpartition("}")[2]


def _name(element: Element) -> str:
    name = element.get("name")
    if _tag(element) != _FIELD or name is None:
        return _tag(element)
    return _unescaped(element, "name", name)


def _unescaped(element: Element, what: str, text: str) -> str:
    if what not in element.get("escaped", "").split():
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)


def _number(text: str) -> int | Decimal:
    try:
        value = _decode(text.strip())
    except (msgspec.MsgspecError, ArithmeticError) as error:
        raise Unreadable from error
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable
    return value
