"""Pushes to devices, through apprise and Firebase Cloud Messaging (its HTTP v1 API).

What apprise cannot do, it cannot do here: see `phone`. Of what FCM says it passes on the HTTP
status alone, within the text of a warning.
"""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat
from apprise.plugins.fcm import NotifyFCM
from apprise.plugins.fcm.oauth import GoogleOAuth

from whipround.gateways.messages.phone import silence_apprise
from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    GatewayMisconfigured,
    Outcome,
    Outgoing,
    TokenGone,
    outcome_of,
)

AT_ONCE = 16
"""Pushes handed over at the same time, a thread each: apprise blocks."""

GOOGLE = "https://fcm.googleapis.com"

_TOKEN = re.compile(r"[\w:.%-]+", re.ASCII)
"""Anything else is none of FCM's, and `#news` would go to all who follow the topic of that name."""

_STATUS = re.compile(r"FCM notification: .*error=([0-9]{3})")


class FcmGateway:
    """Pushes messages, each to the device whose token is its recipient.

    A push shows the body, below the name of the app; its data is for the app itself.
    """

    def __init__(self, *, key_file: Path, url: str | None = None) -> None:
        """`key_file` is a service account's, which names the project; `url` takes Google's place.

        Raises GatewayMisconfigured for a file that is no such thing.
        """
        silence_apprise()
        self._account = _Account(key_file)
        self._url = (url or GOOGLE).rstrip("/") + "/v1/projects/{project}/messages:send"
        self._asset = AppriseAsset(app_id="Whipround", async_mode=False, secure_logging=True)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fcm")
        self._free = asyncio.Semaphore(AT_ONCE)

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Push each message, a few at a time. Of a device that is gone the outcome is TokenGone."""
        return await asyncio.gather(*(self._send_when_free(message) for message in messages))

    async def _send_when_free(self, message: Outgoing) -> Outcome:
        async with self._free:
            return await outcome_of(self._send, message)

    async def _send(self, message: Outgoing) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._push, message)

    def _push(self, message: Outgoing) -> None:
        """Push one message, in a thread; apprise's own time limits end it."""
        if not _TOKEN.fullmatch(message.recipient):
            raise DeliveryRefused("that is no token of FCM's")
        if self._account.access_token() is None:
            raise DeliveryFailed("Google gives no access token for the key file")
        call = Apprise(asset=self._asset)
        call.add(_Service(self._account, self._url, message, self._asset))
        result = call.notify(body=message.body, body_format=NotifyFormat.TEXT)
        if not result:
            self._fail("; ".join(entry.message for entry in result.logs()))

    def _fail(self, reasons: str) -> None:
        """Raise what a push came to that FCM has not taken.

        https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
        """
        found = _STATUS.search(reasons)
        match found and found[1]:
            case "404":
                raise TokenGone("FCM knows no such device any more")
            case "400":
                raise DeliveryRefused("FCM takes no such token")
            case "401":
                self._account.renew()
        raise DeliveryFailed(reasons or "FCM did not take it")


class _Account:
    """A service account, and its access token for as long as that is good.

    apprise itself asks Google for one with every single message.
    """

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file
        self._lock = Lock()
        self._oauth = GoogleOAuth(user_agent="Whipround")  # type: ignore[no-untyped-call]
        self.renew()
        self.project = self._oauth.project_id

    def renew(self) -> None:
        """Read the file (anew), and forget the token. Raises GatewayMisconfigured."""
        with self._lock:
            loaded = self._oauth.load(str(self.key_file))  # type: ignore[no-untyped-call]
            if not loaded:
                raise GatewayMisconfigured(
                    "WHIPROUND_FCM_KEY_FILE is not the key file of a service account"
                )

    def access_token(self) -> str | None:
        """A good access token; None if Google gives none."""
        with self._lock:
            token: str | None = self._oauth.access_token
        return token


class _Service(NotifyFCM):  # type: ignore[no-untyped-call]
    """apprise's service, set up for one message to one device."""

    def __init__(self, account: _Account, url: str, message: Outgoing, asset: AppriseAsset) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            project=account.project,
            apikey=None,
            keyfile=str(account.key_file),
            data_kwargs=dict(message.data),
            asset=asset,
        )
        self.notify_oauth2_url = url
        self.targets = [message.recipient]
        self._account = account

    @property
    def access_token(self) -> Any:
        """The one that all messages share."""
        return self._account.access_token()
