import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.gateways.messages.post import MailServer, mail_server, make_message
from whipround.gateways.messages import smtp
from whipround.gateways.messages.protocol import (
    Attachment,
    DeliveryFailed,
    DeliveryRefused,
    GatewayMisconfigured,
    Outcome,
    Outgoing,
)
from whipround.gateways.messages.smtp import SmtpGateway

pytestmark = pytest.mark.anyio

NOT_LOCAL = "127.1"
"""The loopback address in a spelling that does not look like it."""


def gateway(server: MailServer, *, scheme: str = "smtp", host: str = "127.0.0.1") -> SmtpGateway:
    return SmtpGateway(url=f"{scheme}://{host}:{server.port}", mail_from="Pay <pay@example.org>")


async def send_one(smtp_gateway: SmtpGateway, message: Outgoing) -> Outcome:
    (outcome,) = await smtp_gateway.send([message])
    return outcome


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with mail_server() as server:
        message = make_message(subject="Zoë paid you €6.00", body="Zoë paid you €6.00.\n")

        outcome = await send_one(gateway(server), message)

    assert outcome is None
    [mail] = server.mails
    assert server.recipients == ["jane@example.com"]
    assert mail["From"] == "Pay <pay@example.org>"
    assert mail["To"] == "jane@example.com"
    assert mail["Subject"] == "Zoë paid you €6.00"
    assert mail["Message-ID"] == f"<{message.id}.product_test@example.org>"
    assert mail["Date"].datetime == message.created_at
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    assert mail.get_content() == "Zoë paid you €6.00.\r\n"


async def test_a_repeat_is_the_same_mail() -> None:
    async with mail_server() as server:
        message = make_message()

        await send_one(gateway(server), message)
        await send_one(gateway(server), message)

    first, second = server.mails
    assert first.as_bytes() == second.as_bytes()


async def test_many_mails_share_a_few_connections() -> None:
    async with mail_server() as server:
        messages = [make_message(recipient=f"p{number}@example.com") for number in range(20)]

        outcomes = await gateway(server).send(messages)

    assert outcomes == [None] * 20
    assert sorted(server.recipients) == sorted(message.recipient for message in messages)
    assert len(server.connections) == smtp.CONNECTIONS


async def test_a_number_of_mails_smaller_than_the_connections() -> None:
    async with mail_server() as server:
        assert await gateway(server).send([]) == []
        assert await gateway(server).send([make_message()]) == [None]


async def test_a_temporary_answer_fails_and_a_later_attempt_succeeds() -> None:
    async with mail_server() as server:
        server.says["jane@example.com"] = ["451 greylisted, come again"]

        first = await send_one(gateway(server), make_message())
        second = await send_one(gateway(server), make_message())

    assert isinstance(first, DeliveryFailed)
    assert str(first) == "451 greylisted, come again"
    assert second is None


async def test_one_refused_recipient_disturbs_no_other() -> None:
    async with mail_server() as server:
        server.says["nobody@example.com"] = ["550 No such user here"]
        recipients = ["a@example.com", "nobody@example.com", "b@example.com", "c@example.com"]
        # Each connection has one of each.
        spread = [make_message(recipient=recipient) for recipient in recipients for _ in range(4)]

        outcomes = await gateway(server).send(spread)

    # It says no once only; to which of the four connections, is as it happens.
    [refused] = [outcome for outcome in outcomes[4:8] if outcome is not None]
    assert isinstance(refused, DeliveryRefused)
    assert outcomes.count(None) == 15
    assert server.recipients.count("nobody@example.com") == 3


async def test_a_failure_in_the_middle_fails_no_later_mail() -> None:
    async with mail_server() as server:
        server.says["full@example.com"] = ["452 mailbox full"]
        recipients = [
            "full@example.com" if number == 4 else f"p{number}@x.y" for number in range(12)
        ]

        outcomes = await gateway(server).send([make_message(recipient=r) for r in recipients])

    assert [outcome is None for outcome in outcomes] == [number != 4 for number in range(12)]
    assert len(server.recipients) == 11


async def test_a_dead_port_fails_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    dead = SmtpGateway(url=f"smtp://127.0.0.1:{port}", mail_from="pay@example.org")

    outcomes = await dead.send([make_message() for _ in range(6)])

    assert [type(outcome) for outcome in outcomes] == [DeliveryFailed] * 6


async def test_what_is_attached_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.1)
    content = bytes(range(256)) * 512
    attachment = Attachment("list.bin", "application/x-list", content)
    async with mail_server() as server:
        server.delay_seconds = 0.2
        late = await send_one(gateway(server), make_message())
        message = make_message(subject="Zoë", body=".Zoë.\n", attachment=attachment)
        taken = await send_one(gateway(server), message)

    assert isinstance(late, DeliveryFailed)
    assert taken is None
    mail = server.mails[-1]
    assert mail["Subject"] == "Zoë"
    body = mail.get_body()
    assert body is not None
    assert body.get_content().splitlines() == [".Zoë."]
    [part] = mail.iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == attachment[:2]
    assert part.get_payload(decode=True) == content


async def test_a_silent_server_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        mute = SmtpGateway(url=f"smtp://127.0.0.1:{port}", mail_from="pay@example.org")

        outcome = await send_one(mute, make_message())

    assert isinstance(outcome, DeliveryFailed)


@pytest.mark.parametrize(
    "recipient",
    ["jane", "", "jane@example.com\r\nBcc: all@example.com", "jane@example.com, al@example.com"],
)
async def test_what_is_no_address_is_refused(recipient: str) -> None:
    async with mail_server() as server:
        outcome = await send_one(gateway(server), make_message(recipient=recipient))

    assert isinstance(outcome, DeliveryRefused)
    assert server.mails == []


async def test_a_subject_cannot_add_a_header() -> None:
    async with mail_server() as server:
        message = make_message(subject="Hello\r\nBcc: all@example.com")

        outcome = await send_one(gateway(server), message)

    assert isinstance(outcome, DeliveryRefused)
    assert server.mails == []


async def test_an_international_address_is_sent_to() -> None:
    async with mail_server() as server:
        outcome = await send_one(gateway(server), make_message(recipient="zoë@example.com"))

    assert outcome is None
    assert server.recipients == ["zoë@example.com"]


async def test_user_and_password_are_percent_decoded() -> None:
    async with mail_server() as server:
        url = f"smtp://us%40er:p%40ss%3Aword%2F@127.0.0.1:{server.port}"

        outcome = await send_one(SmtpGateway(url=url, mail_from="a@example.org"), make_message())

    assert outcome is None
    assert server.logins == [(b"us@er", b"p@ss:word/")]


async def test_a_wrong_password_is_not_the_recipients_fault() -> None:
    async with mail_server() as server:
        url = f"smtp://user:wrong@127.0.0.1:{server.port}"

        outcome = await send_one(SmtpGateway(url=url, mail_from="a@example.org"), make_message())

    assert isinstance(outcome, DeliveryFailed)
    assert "wrong" not in str(outcome)


async def test_no_password_leaves_the_machine_in_the_clear() -> None:
    async with mail_server() as server:
        url = f"smtp://user:p%40ss%3Aword%2F@{NOT_LOCAL}:{server.port}"

        outcome = await send_one(SmtpGateway(url=url, mail_from="a@example.org"), make_message())

    assert isinstance(outcome, DeliveryFailed)
    assert server.logins == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    names = f"subjectAltName=DNS:localhost,DNS:{NOT_LOCAL}"
    made = subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
        f" -subj /CN=test -addext {names} -keyout - -out -".split(),
        check=True,
        capture_output=True,
    )
    path.write_bytes(made.stdout)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_connection_turns_to_tls_where_offered(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with mail_server(starttls=tls) as server:
        url = f"smtp://user:p%40ss%3Aword%2F@{NOT_LOCAL}:{server.port}"

        outcome = await send_one(SmtpGateway(url=url, mail_from="a@example.org"), make_message())

    assert outcome is None
    assert server.logins == [(b"user", b"p@ss:word/")]
    assert server.over_tls == [True]


async def test_smtps_is_tls_from_the_start(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with mail_server(tls=tls) as server:
        outcome = await send_one(gateway(server, scheme="smtps", host="localhost"), make_message())

    assert outcome is None
    assert len(server.mails) == 1


@pytest.mark.parametrize(("scheme", "host"), [("smtps", "localhost"), ("smtp", NOT_LOCAL)])
async def test_a_certificate_nobody_vouches_for_is_not_accepted(
    tls: ssl.SSLContext, scheme: str, host: str
) -> None:
    starttls, from_the_start = (None, tls) if scheme == "smtps" else (tls, None)
    async with mail_server(starttls=starttls, tls=from_the_start) as server:
        outcome = await send_one(gateway(server, scheme=scheme, host=host), make_message())

    assert isinstance(outcome, DeliveryFailed)
    assert "certificate" in str(outcome).lower()
    assert server.mails == []


@pytest.mark.parametrize(
    "url", ["example.org", "http://example.org", "smtp://:25", "smtp://mail:port", "smtp://[::1"]
)
def test_a_wrong_url_is_noticed_and_not_quoted(url: str) -> None:
    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_SMTP_URL") as caught:
        SmtpGateway(url=url, mail_from="a@example.org")

    assert url not in str(caught.value)


@pytest.mark.parametrize("mail_from", ["", "nobody", "a@", "@example.org", "a b@example.org"])
def test_a_wrong_sender_is_noticed(mail_from: str) -> None:
    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_MAIL_FROM"):
        SmtpGateway(url="smtp://example.org", mail_from=mail_from)
