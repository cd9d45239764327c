"""Mail, by SMTP."""

import asyncio
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from whipround.gateways.messages.protocol import (
    SEND_SECONDS,
    DeliveryFailed,
    DeliveryRefused,
    GatewayMisconfigured,
    Outcome,
    Outgoing,
    outcome_of,
)

CONNECTIONS = 4
"""Connections at once; each carries its share of a batch, one mail after the other."""

TIMEOUT_SECONDS = 10
"""The longest the server may take to answer one command, or to take a mail without attachment."""

_PERMANENT = 500

_ASCII = SMTP_POLICY.clone(cte_type="7bit")

# Whether there is such a domain, and somebody at it, is for the servers to find out.
_ADDRESS = re.compile(r"""[^\s\x00-\x1f\x7f@<>()\[\],;:\\"]+@[^\s\x00-\x1f\x7f@<>()\[\],;:\\"]+""")


class SmtpGateway:
    """Hands mail over to an SMTP server.

    Over `smtp://` the connection turns to TLS where the server offers it, and must turn to TLS
    before a password is sent; certificates are checked. A server on this very machine is spoken to
    as it is: nobody is in between, and its certificate is rarely made out to "localhost".
    """

    def __init__(self, *, url: str, mail_from: str) -> None:
        """`url`: `smtp://` or `smtps://`, user and password percent-encoded, if any.

        The port is by default 465 for smtps, else 587 with a user and 25 without. `mail_from` is
        an address, with or without a name. Raises GatewayMisconfigured.
        """
        parts, port = _split(url)
        self._sender = _sender(mail_from)
        self._host = parts.hostname or ""
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "") if self._user else None
        self._use_tls = parts.scheme == "smtps"
        self._port = port or (465 if self._use_tls else 587 if self._user else 25)
        self._start_tls = True if self._user else None
        if self._use_tls or _is_local(self._host):
            self._start_tls = False
        self._tls_context = ssl.create_default_context()

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Hand over each mail. A server that cannot be reached fails all that are left."""
        outcomes: list[Outcome] = [None] * len(messages)

        async def carry(first: int) -> None:
            share = slice(first, None, CONNECTIONS)
            outcomes[share] = await self._send_in_turn(messages[share])

        await asyncio.gather(*(carry(first) for first in range(CONNECTIONS)))
        return outcomes

    async def _send_in_turn(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over the mails on one connection, on a new one after each that failed."""
        outcomes: list[Outcome] = []
        client = self._client()

        async def send(message: Outgoing) -> None:
            await _send(client, self._sender, message)

        try:
            for message in messages:
                if not client.is_connected:
                    await _connect(client)
                outcomes.append(await outcome_of(send, message))
                if isinstance(outcomes[-1], DeliveryFailed):
                    client.close()
            await _part(client)
        except DeliveryFailed as unreachable:
            outcomes += [unreachable] * (len(messages) - len(outcomes))
        finally:
            client.close()
        return outcomes

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._use_tls,
            start_tls=self._start_tls,
            tls_context=self._tls_context,
            timeout=TIMEOUT_SECONDS,
        )


async def _connect(client: SMTP) -> None:
    """Connect, turn to TLS and log in. A failure says nothing about any mail: DeliveryFailed."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await client.connect()
    except (SMTPException, OSError, ValueError) as error:
        raise DeliveryFailed(f"the mail server cannot be used: {_reason(error)}") from error


async def _send(client: SMTP, sender: Address, message: Outgoing) -> None:
    """Hand over one mail. What the server says about the sender is not the recipient's fault."""
    timeout = TIMEOUT_SECONDS + message.more_seconds
    to = message.recipient
    try:
        if message.attachment is None:
            mail = _compose(sender, message)
            await client.send_message(mail, sender=sender.addr_spec, recipients=to, timeout=timeout)
        else:
            # A large file takes seconds, in which everything else would have to wait.
            content = await asyncio.to_thread(_written_out, sender, message)
            await client.sendmail(sender.addr_spec, to, content, timeout=timeout)
    except SMTPRecipientsRefused as error:
        (refusal,) = error.recipients
        raise _verdict(refusal) from error
    except SMTPDataError as error:
        raise _verdict(error) from error
    except (SMTPNotSupported, ValueError) as error:
        raise DeliveryRefused(_reason(error)) from error
    except (SMTPException, OSError) as error:
        raise DeliveryFailed(_reason(error)) from error


def _verdict(error: SMTPResponseException) -> DeliveryFailed | DeliveryRefused:
    """What the server's answer means: 5xx is for good (RFC 5321, 4.2.1)."""
    return (DeliveryRefused if error.code >= _PERMANENT else DeliveryFailed)(_reason(error))


async def _part(client: SMTP) -> None:
    """Take leave politely, if the connection is still there."""
    if client.is_connected:
        with suppress(SMTPException, OSError):
            await client.quit()


def _compose(sender: Address, message: Outgoing) -> EmailMessage:
    """The mail, the same at every attempt. Raises DeliveryRefused for what is no address."""
    mail = EmailMessage()
    try:
        mail["From"] = sender
        mail["To"] = _address(message.recipient)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(message.created_at)
        mail["Message-ID"] = f"<{message.id}.{message.product}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
    except ValueError as error:
        raise DeliveryRefused("no mail can be made of this address and subject") from error
    mail.set_content(message.body)
    if message.attachment is not None:
        name, content_type, content = message.attachment
        maintype, _, subtype = content_type.partition("/")
        mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return mail


def _written_out(sender: Address, message: Outgoing) -> bytes:
    """The mail as any server takes it, in ASCII. Raises DeliveryRefused as `_compose` does."""
    return _compose(sender, message).as_bytes(policy=_ASCII)


def _split(url: str) -> tuple[SplitResult, int | None]:
    """The parts of the URL and its port. The error never quotes the URL: it holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise GatewayMisconfigured("WHIPROUND_SMTP_URL is not a URL") from error
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise GatewayMisconfigured("WHIPROUND_SMTP_URL must be smtp://host or smtps://host")
    return parts, port


def _sender(mail_from: str) -> Address:
    name, address = parseaddr(mail_from)
    try:
        return _address(address, name)
    except ValueError as error:
        raise GatewayMisconfigured("WHIPROUND_MAIL_FROM is not an email address") from error


def _address(address: str, name: str = "") -> Address:
    """The address as a header takes it; ValueError for what is none."""
    if not _ADDRESS.fullmatch(address):
        raise ValueError("not an email address")
    local_part, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local_part, domain=domain)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    """What went wrong, for an operator: `550 No such user here`."""
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"
