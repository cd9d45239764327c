from typing import Any

import pytest

from whipround.db.outbox import Channel
from whipround.gateways.messages.templates import LONGEST_VALUE, Text, TextError, render
from whipround.gateways.messages.texts import TEXTS
from whipround.locales import LANGUAGES

PAYMENT = {
    "amount": "20.5",
    "currency": "EUR",
    "payer": "Jon Dough",
    "recipient": "+447700900042",
    "description": "Pizza & beer",
}
REQUEST = {**PAYMENT, "owner": "Ann Lee", "participant": "Jon Dough"}
POOL = {**PAYMENT, "owner": "Ann Lee", "participant": "Jon Dough"}
SAMPLES: dict[str, dict[str, Any]] = {
    "verification_code": {"code": "123456", "event": "signup"},
    "login_code": {"code": "123456"},
    "payment_received": PAYMENT,
    "payment_waiting": {**PAYMENT, "expires_at": "2026-01-25T12:30:00Z"},
    "payment_claimed": PAYMENT,
    "payment_returned": PAYMENT,
    "payment_failed": PAYMENT,
    "payment_refunded": {**PAYMENT, "to_wallet": True},
    "top_up_done": {"amount": "20.5", "currency": "EUR"},
    "cash_paid": POOL,
    "cash_returned": POOL,
    "withdrawal_paid": {"amount": "20.5", "currency": "EUR", "description": "Savings"},
    "withdrawal_failed": {"amount": "20.5", "currency": "EUR", "description": "Savings"},
    "request_received": REQUEST,
    "request_waiting": REQUEST,
    "request_reminder": REQUEST,
    "request_paid": REQUEST,
    "request_rejected": REQUEST,
    "request_settled": REQUEST,
    "request_cancelled": REQUEST,
    "pool_invited": POOL,
    "pool_contribution": POOL,
    "pool_rejected": POOL,
    "pool_cash_ordered": {
        **POOL,
        "reference": "12345678901234",
        "expires_at": "2026-01-25T12:30:00Z",
    },
    "pool_closed": POOL,
    "pool_paid_out": POOL,
    "pool_export": POOL,
    "share_waiting": {
        **PAYMENT,
        "title": "A task",
        "url": "https://pay.test/claim?claim_token=wml_1",
        "expires_at": "2026-04-15T12:30:00Z",
    },
    "share_claimed": PAYMENT,
    "shares_returned": PAYMENT,
    "pledge_revoked": PAYMENT,
    "pledge_expired": PAYMENT,
    "verification_decided": {"type": "passport", "approved": False, "reason": "It is blurred."},
    "funding_source_code": {"code": "123456", "description": "Savings"},
    "email_confirmation": {"token": "wml_1", "url": "https://pay.test/wml_1", "name": "Jane Roe"},
    "password_reset": {"token": "wml_1"},
    "login_link": {
        "token": "wml_1",
        "url": "https://pay.test/?login_token=wml_1",
        "name": "jane.roe",
        "is_new": True,
    },
    "email_id": {"token": "wml_1", "url": "https://pay.test/wml_1", "name": "Jane Roe"},
}
CHANNELS: tuple[Channel, ...] = ("email", "sms", "call", "push", "statement")


def text(kind: str, *, channel: Channel = "sms", locale: str = "en", **data: Any) -> Text:
    return render(kind=kind, channel=channel, locale=locale, data={**SAMPLES[kind], **data})


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("kind", TEXTS)
def test_every_kind_has_a_text_for_every_channel(kind: str, locale: str) -> None:
    for channel in CHANNELS:
        subject, body = text(kind, channel=channel, locale=locale)

        assert subject
        assert "\n" not in subject
        assert body.strip()
        assert "{" not in subject + body


def test_codes() -> None:
    assert text("verification_code") == (
        "Your verification code",
        "123456 is your verification code. It is good for ten minutes.",
    )
    assert "Your login code is 123456." in text("login_code", channel="email").body
    assert "1, 2, 3, 4, 5, 6" in text("login_code", channel="call").body


def test_a_link_is_whole_and_a_name_is_not() -> None:
    link = f"https://pay.test/{'long' * 100}/wml_1?product-id=7"

    body = text("email_confirmation", channel="email", url=link, name="Jane\n" + "x" * 300).body

    assert f"\n{link}\n" in body
    assert body.startswith("Jane x")
    assert len(body.splitlines()[0]) < LONGEST_VALUE + 100
    assert "\nwml_1\n" in text("password_reset", channel="email").body


def test_payments() -> None:
    assert text("payment_received") == (
        "Jon Dough paid you €20.50",
        "Jon Dough paid you €20.50: Pizza & beer",
    )
    assert text("payment_received", description="").body == "Jon Dough paid you €20.50"
    assert text("payment_received", channel="email").body == (
        "Jon Dough paid you €20.50.\n\nPizza & beer\n\nThe money is in your wallet."
    )
    assert text("payment_received", channel="email", description="").body == (
        "Jon Dough paid you €20.50.\n\nThe money is in your wallet."
    )
    assert text("payment_waiting").body == (
        "Jon Dough sent you €20.50."
        " Sign up with this number to receive it before 25 January 2026, 12:30 UTC."
    )
    assert text("payment_claimed").body == (
        "+447700900042 has signed up and received the €20.50 you sent."
    )
    assert text("payment_returned").subject == "€20.50 returned to you"
    assert text("payment_refunded", channel="email", description="").body.endswith(
        "gave you back €20.50 of what you paid.\n\nThe money is in your wallet."
    )
    assert text("payment_refunded", channel="email", to_wallet=False).body.endswith(
        "The money goes to where you paid from."
    )


@pytest.mark.parametrize(
    ("locale", "line"), [("en", "Whipround code 123456"), ("es", "Clave Whipround 123456")]
)
def test_a_statement_has_room_for_22_characters(locale: str, line: str) -> None:
    assert text("funding_source_code", channel="statement", locale=locale).body == line
    assert len(line) <= 22
    assert line.isascii()


def test_a_text_is_in_its_readers_language() -> None:
    mexican = text("payment_waiting", locale="es-MX", currency="MXN").body
    spanish = text("payment_received", locale="es", channel="email", description="").body
    decided = text("verification_decided", locale="es", type="drivers_license").body

    assert mexican == (
        "Jon Dough te envió $20.50."
        " Regístrate con este número para recibirlo antes del 25 de enero de 2026, 12:30 UTC."
    )
    assert spanish == "Jon Dough te pagó 20,50 €.\n\nEl dinero está en tu monedero."
    assert decided == "No aceptamos tu licencia de conducir. It is blurred."


def test_decisions() -> None:
    assert text("verification_decided").body == "Your passport was not accepted. It is blurred."
    assert text("verification_decided", reason="").body == "Your passport was not accepted."
    assert text("verification_decided", type="drivers_license", approved=True) == (
        "Your driving licence was accepted",
        "Your driving licence was accepted: you are verified.",
    )


def test_an_amount_may_be_written_out_already() -> None:
    data = {"amount": "20.50 euros", "payer": "Jon", "description": ""}

    assert render(kind="payment_received", channel="sms", locale="en", data=data).body == (
        "Jon paid you 20.50 euros"
    )


@pytest.mark.parametrize("locale", ["en", "en-GB", "de-DE", "xx", "", "../../etc", "é"])
def test_any_other_locale_reads_english(locale: str) -> None:
    assert text("payment_received", locale=locale).subject == "Jon Dough paid you €20.50"


def test_what_a_person_typed_stays_on_its_line_and_within_bounds() -> None:
    payer = "Mal\r\nBcc: all@example.com\u202egnp.\x00" + "x" * 500

    subject, body = text("payment_waiting", payer=payer)

    assert "\n" not in subject + body
    assert "\u202e" not in subject + body
    assert "\x00" not in subject + body
    assert subject.startswith("Mal Bcc: all@example.com gnp. xx")
    assert len(subject) < LONGEST_VALUE + 30


def test_what_a_person_typed_is_never_a_template() -> None:
    assert "{{ code }}" in text("payment_received", payer="{{ code }}").body


def test_a_stranger_is_not_sent_what_a_payer_typed() -> None:
    assert "Pizza" not in text("payment_waiting", channel="email").body
    assert "signup" not in text("verification_code", channel="email").body


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("poem", {}),
        ("../verification_code", {"code": "123456"}),
        ("login_code", {}),
        ("payment_received", {"payer": "Jon"}),
        ("payment_received", {"payer": "Jon", "amount": "much", "currency": "EUR"}),
        ("payment_waiting", {"payer": "Jon", "amount": "1", "expires_at": "soon"}),
    ],
)
def test_a_text_that_cannot_be_made(kind: str, data: dict[str, Any]) -> None:
    with pytest.raises(TextError) as caught:
        render(kind=kind, channel="sms", locale="en", data=data)

    assert "123456" not in str(caught.value)
