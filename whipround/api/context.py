"""One request, as far as the dialects share it: product, correlation, time, key, body.

`Front` stands before each dialect's app: it reads the headers once, finds the product, echoes
Product-ID and Correlation-ID in every answer, and writes the log line.
"""

import hashlib
import re
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from ipaddress import IPv6Address, IPv6Network
from typing import Any, NamedTuple, TypeAlias

import uuid_utils

from whipround.api.bodies import Malformed
from whipround.api.logs import RequestLog
from whipround.api.services import Directory, Services
from whipround.api.types import App, Receive, Scope, Send
from whipround.db.database import Database
from whipround.db.request_keys import RequestKey
from whipround.domain.images.gallery import Gallery
from whipround.domain.products import Product
from whipround.domain.sessions import Session
from whipround.errors import Unauthenticated
from whipround.locales import ENGLISH, accepted, language

_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_IN_A_LINK = re.compile(rb"(?:^|&)product-id=([^&]*)")


class MalformedCorrelationId(Malformed):
    """The Correlation-ID must be a UUID."""

    code = "malformed_correlation_id"


class MalformedIdempotencyKey(Malformed):
    """The Idempotency-Key must be 1 to 255 visible ASCII characters."""

    code = "malformed_idempotency_key"


class RepeatedHeader(Malformed):
    """Authorization, Correlation-ID, Host, Idempotency-Key and Product-ID may be sent once each."""


# Which of two counts is not the same for everybody: a proxy may have looked at the other one.
_SENT_ONCE = frozenset(
    {b"authorization", b"correlation-id", b"host", b"idempotency-key", b"product-id"}
)

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

Transcribe: TypeAlias = Callable[[bytes], tuple[bytes, bytes]]
"""Makes of a JSON body one in another format, and says its content type."""

JSON = b"application/json"


_NOTHING: Mapping[str, Any] = {}

# There are tokens in answers, and balances: nothing on their way keeps any.
_NOT_TO_BE_KEPT = (b"cache-control", b"no-store")

_HOME_NETWORK_BITS = 64


class Call:
    """What a handler knows of its request. `now` is aware UTC, read once.

    `session` is None for a caller who has not said who they are. `body` holds the bytes as sent,
    once they have been read; `known` is what its validators have to know. `renamed` is what the
    route calls what an error is about, in dialects that have other names than the domain. `headers`
    have lower-case names; of one that may be repeated the last counts. `transcribe` makes of the
    JSON of an answer what the client wants instead, if it does, and says its type.
    """

    __slots__ = (
        "_answers_in",
        "_client_key",
        "_product_id",
        "_scope",
        "body",
        "correlation_id",
        "headers",
        "known",
        "now",
        "renamed",
        "services",
        "session",
        "status",
        "transcribe",
    )

    services: Services

    def __init__(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        self._scope = scope
        self._answers_in = ""
        self._client_key = b""
        self._product_id = b""
        self.headers = headers
        self.correlation_id = correlation_id(headers)
        self.now = datetime.now(UTC)
        self.session: Session | None = None
        self.body: bytes | None = None
        self.known: Mapping[str, Any] = _NOTHING
        self.renamed: Mapping[Any, str] = _NOTHING
        self.transcribe: Transcribe | None = None
        self.status = 0

    async def find_product(self, directory: Directory) -> None:
        """Find the product that the request is for. Raises UnknownProduct.

        Whoever follows a link sends no header: there the query string may name the product.
        """
        product_id, host = self.headers.get(b"product-id"), self.headers.get(b"host")
        if product_id is None and self._scope["method"] == "GET":
            named = _IN_A_LINK.search(self.query_string)
            product_id = named[1] if named else None
        services = directory.find(product_id, host)
        if services is None:
            self._product_id = _well_formed(product_id) or b""
            services = await directory.ask(product_id, host)
        self.services = services
        self._product_id = services.product_id

    def read_key(self, dialect: bytes) -> None:
        """Read what the client calls this request: its Idempotency-Key, else its Correlation-ID.

        Where neither is sent one is made up, and then nothing can be repeated. Raises Malformed.
        """
        if self.headers.get(b"correlation-id", self.correlation_id) is not self.correlation_id:
            raise MalformedCorrelationId
        key = self.headers.get(b"idempotency-key")
        if key is None:
            self._client_key = dialect + b" " + self.correlation_id.lower()
        elif _IDEMPOTENCY_KEY.fullmatch(key):
            self._client_key = dialect + b" key " + key
        else:
            raise MalformedIdempotencyKey

    @property
    def db(self) -> Database:
        """The database, seen from the product's schema."""
        return self.services.db

    @property
    def gallery(self) -> Gallery:
        """Where pictures are seen."""
        return self.services.studio.gallery

    @property
    def product(self) -> Product:
        """The product the request is for."""
        return self.services.product

    @property
    def authenticated(self) -> Session:
        """The session; raises Unauthenticated where there is none."""
        if self.session is None:
            raise Unauthenticated
        return self.session

    @property
    def method(self) -> str:
        """The HTTP method, in capitals."""
        method: str = self._scope["method"]
        return method

    @property
    def path(self) -> str:
        """The path of the request, percent-decoded."""
        path: str = self._scope["path"]
        return path

    @property
    def query_string(self) -> bytes:
        """What follows the path, as sent."""
        query_string: bytes = self._scope["query_string"]
        return query_string

    def every(self, name: bytes) -> bytes:
        """All that was sent in headers of this name, as one; empty if there are none."""
        sent = self._scope.get("headers", ())
        return b",".join(value for each, value in sent if each == name)

    @property
    def remote_address(self) -> str:
        """The caller's network address, as limits count it (`counted_address`).

        Empty if there is none, as over a Unix socket.
        """
        client = self._scope.get("client")
        return counted_address(str(client[0])) if client else ""

    @property
    def key(self) -> RequestKey:
        """What makes this request the same as an earlier one, for exactly-once writes.

        A key belongs to its person, and not to the session alone: who repeats a payment after
        logging in again must not pay twice. The body must have been read.
        """
        person = self.session.user.id.hex if self.session else "-"
        framed = f"{self.method} {person} {self.path}\0".encode() + self._client_key
        return RequestKey(
            id=hashlib.sha256(framed).digest(),
            fingerprint=self.services.keyring.fingerprint(self.body or b""),
        )

    @property
    def bearer(self) -> str | None:
        """The bearer token of the Authorization header; None if there is no such header.

        Raises Unauthenticated for any other kind of credential.
        """
        header = self.headers.get(b"authorization")
        if header is None:
            return None
        if header[:7].lower() != b"bearer ":
            raise Unauthenticated
        return header[7:].strip().decode("latin-1")

    @property
    def locale(self) -> str:
        """The caller's locale, for what is kept and sent.

        Their own choice, else what the client accepts, else English.
        """
        if self.session is not None:
            return self.session.user.locale
        return self.accepted or ENGLISH

    @property
    def language(self) -> str:
        """The locale to answer in, which is of one of our languages.

        What the client accepts, else the person's own choice, else English.
        """
        locale = self.accepted
        if locale is None:
            own = ENGLISH if self.session is None else self.session.user.locale
            locale = own if language(own) else ENGLISH
        self._answers_in = locale
        return locale

    @property
    def accepted(self) -> str | None:
        """The locale that the client says it wants, which is of one of our languages; else None."""
        header = self.headers.get(b"accept-language")
        return None if header is None else accepted(header.decode("latin-1"))

    async def answer(
        self,
        send: Send,
        status: int,
        body: bytes,
        more_headers: Headers = (),
        content_type: bytes = JSON,
    ) -> None:
        """Send an answer, with the headers that every answer has."""
        if self.transcribe is not None and content_type is JSON:
            body, content_type = self.transcribe(body)
        self.status = status
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"correlation-id", self.correlation_id),
            _NOT_TO_BE_KEPT,
            *more_headers,
        ]
        if self._product_id:
            headers.append((b"product-id", self._product_id))
        if body:
            headers.append((b"content-type", content_type))
            if self._answers_in:
                headers += _written_in(self._answers_in)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Rendered(NamedTuple):
    """An answer as bytes. A body is JSON."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    async def send(self, send: Send) -> None:
        """Send it, where there is no `Call`."""
        headers = [(b"content-length", b"%d" % len(self.body)), *self.headers]
        if self.body:
            headers.append((b"content-type", JSON))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


Refuse: TypeAlias = Callable[[Exception, Call], Rendered]
"""Renders an error in a dialect's form, and logs it if it is a failure of ours."""


class Front:
    """Stands before a dialect's app: finds the product, and makes the `Call`.

    `log` writes one line a request, if given; `nudge` is called after each request that may have
    written something.
    """

    def __init__(
        self,
        app: App,
        *,
        dialect: bytes,
        directory: Directory,
        refuse: Refuse,
        log: RequestLog | None = None,
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._mark = dialect
        self._directory = directory
        self._refuse = refuse
        self._log = log
        self._nudge = nudge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.perf_counter()
        sent: Collection[tuple[bytes, bytes]] = scope["headers"]
        call = Call(scope, dict(sent))
        try:
            if len(call.headers) != len(sent):
                _check_repeated(sent)
            await call.find_product(self._directory)
            call.read_key(self._mark)
        except Exception as error:  # noqa: BLE001 (each has its answer)
            await call.answer(send, *self._refuse(error, call))
        else:
            state = scope.setdefault("state", {})
            state["call"] = call
            try:
                await self._app(scope, receive, send)
            finally:
                del state["call"]  # it has the scope: both would be left to the collector
        finally:
            if scope["method"] != "GET":
                self._nudge()
            if self._log is not None:
                self._log.write(
                    request_id=call.correlation_id,
                    method=scope["method"],
                    path=scope.get("path_template", "-"),
                    status=call.status,
                    now=call.now,
                    seconds=time.perf_counter() - started,
                    user_id=call.session.user.id if call.session else None,
                )


def counted_address(address: str) -> str:
    """What stands for a network address where tries from one are counted.

    Of IPv6 that is its network: whoever has one such address has all of those.
    """
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _HOME_NETWORK_BITS), strict=False))


def correlation_id(headers: Mapping[bytes, bytes]) -> bytes:
    """The Correlation-ID to answer with: the one that was sent, if it is one, else a new one."""
    return _well_formed(headers.get(b"correlation-id")) or _new_id()


def _check_repeated(sent: Collection[tuple[bytes, bytes]]) -> None:
    """Raise RepeatedHeader where what may be sent once was sent again."""
    names = [name for name, _ in sent if name in _SENT_ONCE]
    if len(names) != len(set(names)):
        raise RepeatedHeader


def _written_in(locale: str) -> Headers:
    """What tells a client, and whatever keeps answers for it, that another asked in another way."""
    spoken = language(locale) or ENGLISH
    return (b"content-language", spoken.encode("ascii")), (b"vary", b"accept-language")


def _well_formed(sent: bytes | None) -> bytes | None:
    """The id that was sent, if it is a UUID."""
    return sent if sent is not None and _UUID.fullmatch(sent) else None


def _new_id() -> bytes:
    return str(uuid_utils.uuid4()).encode()
