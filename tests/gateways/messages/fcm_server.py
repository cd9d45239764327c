"""A real HTTP server that answers as Firebase Cloud Messaging and Google's token endpoint do.

As documented at https://firebase.google.com/docs/cloud-messaging/send/v1-api and
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PROJECT = "whipround-test"

_ERRORS = {
    400: ("INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    401: ("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
    403: ("PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    404: ("NOT_FOUND", "UNREGISTERED"),
    503: ("UNAVAILABLE", "UNAVAILABLE"),
}

_numbers = count(1)


@dataclass
class FcmServer:
    """What FCM was asked, and the status it is to answer with to a device's token.

    `is_down` is about the token endpoint. An access token is good until `access_token` is another.
    """

    port: int = 0
    access_token: str = "ya29.first"
    is_down: bool = False
    logins: int = 0
    pushes: list[dict[str, Any]] = field(default_factory=list)
    says: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """In Google's place."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def devices(self) -> list[str]:
        """The tokens of the devices that have been pushed to."""
        return sorted(push["token"] for push in self.pushes)

    def key_file(self, folder: Path, **given: object) -> Path:
        """The key file of a service account whose access tokens come from here."""
        path = folder / f"service-account-{next(_numbers)}.json"
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "0123456789abcdef",
            "private_key": _key()
            .private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            .decode(),
            "client_email": f"pusher@{PROJECT}.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps({**account, **given}))
        return path

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, Any]:
        """Status and body of the answer to a POST."""
        if path == "/token":
            return self._log_in(parse_qs(body.decode())["assertion"][0])
        assert path == f"/v1/projects/{PROJECT}/messages:send"
        message = json.loads(body)["message"]
        status = self.says.get(message["token"], 200)
        if authorization != f"Bearer {self.access_token}":
            status = 401
        if status == 200:
            self.pushes.append(message)
            return 200, {"name": f"projects/{PROJECT}/messages/{len(self.pushes)}"}
        meaning, code = _ERRORS[status]
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details = [{"@type": kind, "errorCode": code}]
        return status, {"error": {"code": status, "status": meaning, "details": details}}

    def _log_in(self, assertion: str) -> tuple[int, Any]:
        if self.is_down:
            return 503, {"error": "temporarily_unavailable"}
        signed, _, signature = assertion.rpartition(".")
        _key().public_key().verify(
            _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        claims = json.loads(_decoded(signed.partition(".")[2]))
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        self.logins += 1
        return 200, {
            "access_token": self.access_token,
            "expires_in": 3599,
            "token_type": "Bearer",
        }


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def fcm_server() -> Iterator[FcmServer]:
    """FCM on a free port of the loopback address, in a thread: apprise blocks too."""
    fcm = FcmServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = fcm.answer(self.path, self.headers.get("Authorization", ""), body)
            encoded = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fcm.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield fcm
        server.shutdown()
        thread.join()
