"""The texts of all messages, as a reader gets them.

A text is plain: what people typed is put on one line, without control characters and cut
short, so that nobody can shape a message of ours, or its headers, by choosing a name.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from babel.dates import format_datetime
from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError

from whipround.db.outbox import Channel
from whipround.errors import Message
from whipround.gateways.messages.texts import TEXTS
from whipround.locales import ENGLISH, language, translate
from whipround.money import format_money

LONGEST_VALUE = 200
"""Characters of a name or a description that a message quotes at most."""

# White space, control characters, and those that turn the direction of the text around them.
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


class TextError(Exception):
    """There is no such text, or its data is not what it needs. Never quotes the data."""


class Text(NamedTuple):
    """A message as a person reads it."""

    subject: str
    body: str


_CHANNELS: tuple[Channel, ...] = ("email", "sms", "call", "push", "statement")

_DOCUMENTS = {
    "passport": Message("passport"),
    "drivers_license": Message("driving licence"),
}

_TIME = Message("d MMMM y, HH:mm 'UTC'")
"""A pattern of babel's."""


def render(*, kind: str, channel: Channel, locale: str, data: dict[str, Any]) -> Text:
    """The text of a message of that kind, for a reader of `locale`: English for any unknown one.

    Raises TextError when the kind is unknown or the data is not enough.
    """
    spoken = language(locale) or ENGLISH
    environment = _environment(spoken)
    try:
        values = _values(data, locale if language(locale) else ENGLISH)
        subject = environment.get_template(f"{kind}/subject.txt").render(values)
        body = environment.get_template(f"{kind}/{channel}.txt").render(values)
    except TemplateError as error:
        raise TextError(f"no text for {kind} by {channel}: {type(error).__name__}") from error
    except (ArithmeticError, TypeError, ValueError) as error:
        raise TextError(f"the data of {kind} is wrong: {type(error).__name__}") from error
    return Text(subject, body.strip())


def _values(data: dict[str, Any], locale: str) -> dict[str, Any]:
    """The data, with an amount and a time as people write them, and an address whole."""
    values = {"description": "", "expires": "", "reason": "", **data}
    if "amount" in data:
        values["money"] = _money(data["amount"], data.get("currency"), locale)
    if "url" in data:
        values["url"] = _Whole(data["url"])
    if data.get("expires_at"):
        expires_at = datetime.fromisoformat(data["expires_at"]).astimezone(UTC)
        values["expires"] = _time(expires_at, locale)
    return values


@lru_cache(maxsize=1024)
def _money(amount: str, currency: str | None, locale: str) -> str:
    """An amount as people write it; one without a currency was written out before."""
    return amount if currency is None else format_money(Decimal(amount), currency, locale)


def _time(time: datetime, locale: str) -> str:
    """A time, in UTC, as people write it."""
    return format_datetime(time, translate(_TIME, locale), locale=language(locale))


class _Whole(str):
    """A text of our own, to be printed as it is: half an address leads nowhere."""

    __slots__ = ()


def _one_line(value: object) -> str:
    """What a template prints of a value: one line, nothing invisible, not too long."""
    if isinstance(value, _Whole):
        return value
    text = _UNSEEN.sub(" ", str(value)).strip()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _spoken(code: str) -> str:
    """A code as it is read aloud, digit by digit."""
    return ", ".join(code)


@cache
def _environment(language: str) -> Environment:
    """The templates in one language; each is compiled when it is first used."""
    sources = {
        f"{kind}/{name}.txt": translate(text, language)
        for kind, source in TEXTS.items()
        for name, text in [
            ("subject", source.subject),
            *((channel, source.body(channel)) for channel in _CHANNELS),
        ]
    }
    environment = Environment(  # noqa: S701 (plain text)
        loader=DictLoader(sources),
        undefined=StrictUndefined,
        finalize=_one_line,
        trim_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )

    def document(type_: str) -> str:
        """What people call a document that somebody looks at."""
        return translate(_DOCUMENTS.get(type_, type_), language)

    environment.filters["spoken"] = _spoken
    environment.filters["document"] = document
    return environment
