"""A real SMTP server, a real HTTP service, and makers of messages."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from whipround.gateways.messages.protocol import Outgoing, stable_id

_numbers = count(1)

WRITTEN_AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def make_message(**given: Any) -> Outgoing:
    """A message that goes out."""
    message: dict[str, Any] = {
        "id": stable_id(next(_numbers), WRITTEN_AT),
        "product": "product_test",
        "channel": "email",
        "recipient": "jane@example.com",
        "subject": "Your login code",
        "body": "Your login code is 123456.\n",
        "created_at": WRITTEN_AT,
    }
    return Outgoing(**{**message, **given})


@dataclass
class MailServer:
    """What a real SMTP server was told, and what it is to say about a recipient, in order.

    It takes `delay_seconds` to accept a mail; `talking` counts those it has begun with.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    says: dict[str, list[str]] = field(default_factory=dict)
    delay_seconds: float = 0
    talking: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if answers := self.says.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.talking += 1
        await asyncio.sleep(self.delay_seconds)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        self.connections.add(session.peer)
        self.over_tls.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, kind: str, data: Any) -> Any:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:word/", handled=False)


@asynccontextmanager
async def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[MailServer]:
    """An SMTP server on a free port of the loopback address."""
    inbox = MailServer()
    loop = asyncio.get_running_loop()

    def session() -> Any:
        return SMTP(
            inbox,
            enable_SMTPUTF8=True,
            authenticator=inbox.authenticate,
            auth_require_tls=False,
            tls_context=starttls,
            loop=loop,
        )

    server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class SmsService:
    """What a real HTTP service was asked, and the statuses it is to answer with, in order."""

    port: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def sms_service() -> Iterator[SmsService]:
    """An HTTP service on a free port of the loopback address, in a thread: apprise blocks too."""
    service = SmsService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.calls.append(json.loads(body))
            service.paths.append(self.path)
            self.send_response(service.statuses.pop(0) if service.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield service
        server.shutdown()
        thread.join()
