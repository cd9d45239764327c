"""The texts of all messages, in one place.

A text is plain: what people typed is put on one line, without control characters and cut
short, so that nobody can shape a message of ours, or its headers, by choosing a name.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from babel.dates import format_datetime
from jinja2 import DictLoader, Environment, StrictUndefined, TemplateError, select_autoescape

from whipround.db.outbox import Channel
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


@dataclass(frozen=True, slots=True)
class _Source:
    """The Jinja2 sources of one kind of message.

    `short` is for a phone and for a statement, `call` to be read aloud.
    """

    subject: str
    mail: str
    short: str
    call: str = ""

    def body(self, channel: Channel) -> str:
        if channel == "email":
            return self.mail
        return self.call or self.short if channel == "call" else self.short


# What is sent to an address that nobody has proven says nothing its sender could choose but a name.
_SOURCES = {
    "verification_code": _Source(
        subject="Your verification code",
        mail="""\
Your verification code is {{ code }}.

It is good for ten minutes. If you did not ask for it, you can ignore this message.
""",
        short="{{ code }} is your verification code. It is good for ten minutes.",
        call="Your verification code is: {{ code | spoken }}. Once more: {{ code | spoken }}.",
    ),
    "login_code": _Source(
        subject="Your login code",
        mail="""\
Your login code is {{ code }}.

It is good for ten minutes. If you are not logging in right now, somebody else is trying to:
do not pass this code on to anybody.
""",
        short="{{ code }} is your login code. Do not pass it on to anybody.",
        call="Your login code is: {{ code | spoken }}. Once more: {{ code | spoken }}.",
    ),
    "payment_received": _Source(
        subject="{{ payer }} paid you {{ money }}",
        mail="""\
{{ payer }} paid you {{ money }}.
{% if description %}

{{ description }}
{% endif %}

The money is in your wallet.
""",
        short="{{ payer }} paid you {{ money }}{% if description %}: {{ description }}{% endif %}",
    ),
    "payment_waiting": _Source(
        subject="{{ payer }} sent you {{ money }}",
        mail="""\
{{ payer }} sent you {{ money }}.

Sign up with this address to receive it{% if expires %} before {{ expires }}{% endif %}.
""",
        short="{{ payer }} sent you {{ money }}."
        " Sign up with this number to receive it{% if expires %} before {{ expires }}{% endif %}.",
    ),
    "payment_claimed": _Source(
        subject="{{ recipient }} received your {{ money }}",
        mail="""\
{{ recipient }} has signed up and received the {{ money }} you sent.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ recipient }} has signed up and received the {{ money }} you sent.",
    ),
    "payment_returned": _Source(
        subject="{{ money }} returned to you",
        mail="""\
{{ recipient }} has not claimed the {{ money }} you sent, so the money is back in your wallet.
{% if description %}

{{ description }}
{% endif %}
""",
        short="{{ recipient }} has not claimed the {{ money }} you sent:"
        " the money is back in your wallet.",
    ),
    "payment_failed": _Source(
        subject="{{ money }} could not be paid to {{ recipient }}",
        mail="""\
Your payment of {{ money }} to {{ recipient }} did not go through: your card or your bank has
declined it. Nothing was taken.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Your payment of {{ money }} to {{ recipient }} was declined. Nothing was taken.",
    ),
    "payment_refunded": _Source(
        subject="{{ recipient }} gave you back {{ money }}",
        mail="""\
{{ recipient }} gave you back {{ money }} of what you paid.
{% if description %}

{{ description }}
{% endif %}

The money {% if to_wallet %}is in your wallet{% else %}goes to where you paid from{% endif %}.
""",
        short="{{ recipient }} gave you back {{ money }}"
        "{% if description %}: {{ description }}{% endif %}",
    ),
    "top_up_done": _Source(
        subject="{{ money }} added to your wallet",
        mail="""\
Your top-up has gone through: {{ money }} is in your wallet.
""",
        short="Your top-up has gone through: {{ money }} is in your wallet.",
    ),
    "withdrawal_paid": _Source(
        subject="{{ money }} paid out",
        mail="""\
Your withdrawal of {{ money }} has been paid out to your bank account.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Your withdrawal of {{ money }} has been paid out to your bank account.",
    ),
    "withdrawal_failed": _Source(
        subject="{{ money }} could not be paid out",
        mail="""\
Your withdrawal of {{ money }} did not reach your bank account, so the money is back in your wallet.
{% if description %}

{{ description }}
{% endif %}
""",
        short="Your withdrawal of {{ money }} did not reach your bank account:"
        " the money is back in your wallet.",
    ),
    "verification_decided": _Source(
        subject="Your {{ type | document }} was {% if approved %}accepted{% else %}"
        "not accepted{% endif %}",
        mail="""\
{% if approved %}
Your {{ type | document }} was accepted: you are verified.
{% else %}
Your {{ type | document }} was not accepted.{% if reason %} {{ reason }}{% endif %}
{% endif %}
""",
        short="Your {{ type | document }} was {% if approved %}accepted: you are verified."
        "{% else %}not accepted.{% if reason %} {{ reason }}{% endif %}{% endif %}",
    ),
    "funding_source_code": _Source(
        subject="The code of your funding source",
        mail="""\
The code of your funding source is {{ code }}.
""",
        # Banks print 22 characters.
        short="Whipround code {{ code }}",
        call="The code of your funding source is: {{ code | spoken }}.",
    ),
}

_CHANNELS: tuple[Channel, ...] = ("email", "sms", "call", "push", "statement")

_DOCUMENTS = {"passport": "passport", "drivers_license": "driving licence"}


def render(*, kind: str, channel: Channel, locale: str, data: dict[str, Any]) -> Text:
    """The text of a message of that kind, for a reader of `locale` (English so far).

    Raises TextError when the kind is unknown or the data is not enough.
    """
    try:
        values = _values(data, locale)
        subject = _ENVIRONMENT.get_template(f"{kind}/subject.txt").render(values)
        body = _ENVIRONMENT.get_template(f"{kind}/{channel}.txt").render(values)
    except TemplateError as error:
        raise TextError(f"no text for {kind} by {channel}: {type(error).__name__}") from error
    except (ArithmeticError, TypeError, ValueError) as error:
        raise TextError(f"the data of {kind} is wrong: {type(error).__name__}") from error
    return Text(subject, body.strip())


def _values(data: dict[str, Any], locale: str) -> dict[str, Any]:
    """The data, with an amount and a time as people write them. Unknown languages read English."""
    reading = locale if locale.partition("-")[0] == "en" else "en"
    values = {"description": "", "expires": "", "reason": "", **data}
    if "amount" in data:
        values["money"] = _money(data["amount"], data.get("currency"), reading)
    if data.get("expires_at"):
        expires_at = datetime.fromisoformat(data["expires_at"]).astimezone(UTC)
        values["expires"] = format_datetime(expires_at, "d MMMM y, HH:mm 'UTC'", locale="en")
    return values


@lru_cache(maxsize=1024)
def _money(amount: str, currency: str | None, locale: str) -> str:
    """An amount as people write it; one without a currency was written out before."""
    return amount if currency is None else format_money(Decimal(amount), currency, locale)


def _one_line(value: object) -> str:
    """What a template prints of a value: one line, nothing invisible, not too long."""
    text = _UNSEEN.sub(" ", str(value)).strip()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _spoken(code: str) -> str:
    """A code as it is read aloud, digit by digit."""
    return ", ".join(code)


def _document(type_: str) -> str:
    """What people call a document that somebody looks at."""
    return _DOCUMENTS.get(type_, type_)


def _environment() -> Environment:
    sources = {
        f"{kind}/{name}.txt": text
        for kind, source in _SOURCES.items()
        for name, text in [
            ("subject", source.subject),
            *((channel, source.body(channel)) for channel in _CHANNELS),
        ]
    }
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_one_line,
        trim_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters["spoken"] = _spoken
    environment.filters["document"] = _document
    return environment


_ENVIRONMENT = _environment()
