"""SMS and voice calls, through apprise and the services it knows.

What apprise cannot do, it cannot do here:

* it says yes or no, not why: a number that does not exist looks like a service that is down, so
  every failure is tried again, and none is known to be final;
* it has no key for repeats: an SMS whose acknowledgement was lost, or that was under way when the
  process was killed, is sent twice;
* "sent" means that the service took it, not that it arrived.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat
from apprise.plugins import url_to_dict

from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    GatewayMisconfigured,
    Outcome,
    Outgoing,
    outcome_of,
)

AT_ONCE = 8
"""Messages handed to the service at the same time, a thread each: apprise blocks."""

RECIPIENT = "{recipient}"
"""Stands for the number in the URL of a service that knows no recipients, such as `json://`."""

_SOME_NUMBERS = ("+12025550123", "+447700900123")
"""Numbers kept for fiction, to try a URL with; some services know one country only."""


class AppriseGateway:
    """Hands SMS, or calls, over to the service of an apprise URL, one recipient at a time.

    Services such as `twilio://SID:TOKEN@+15551234567` list their recipients last: the URL is given
    without any, and each message brings its own. For a service without recipients, such as a
    webhook of one's own, the URL says where the number goes:
    `jsons://example.com/sms?:to={recipient}` (the body is apprise's, with `to` added).
    """

    def __init__(self, *, url: str, setting: str) -> None:
        """`setting` is the name of the URL's setting, for error messages.

        Raises GatewayMisconfigured when apprise cannot use the URL, or not for one recipient.
        """
        silence_apprise()
        self._url = url
        self._asset = AppriseAsset(app_id="Whipround", async_mode=False, secure_logging=True)
        tried = [(self._service(number), number) for number in _SOME_NUMBERS]
        if not any(service for service, _ in tried):
            raise GatewayMisconfigured(f"{setting} is not a URL that apprise can use")
        if not any(service and _addresses(service, number) for service, number in tried):
            raise GatewayMisconfigured(
                f"{setting} is of a service without recipients: put {RECIPIENT} where the number"
                " belongs"
            )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="apprise")
        self._free = asyncio.Semaphore(AT_ONCE)

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Hand over each message, a few at a time."""
        return await asyncio.gather(*(self._send_when_free(message) for message in messages))

    async def _send_when_free(self, message: Outgoing) -> Outcome:
        async with self._free:
            return await outcome_of(self._send, message)

    async def _send(self, message: Outgoing) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._notify, message)

    def _notify(self, message: Outgoing) -> None:
        """Hand over one message, in a thread; apprise's own time limits end it."""
        service = self._service(message.recipient)
        if service is None or not _addresses(service, message.recipient):
            raise DeliveryRefused("the service takes no such number")
        call = Apprise(asset=self._asset)
        call.add(service)
        result = call.notify(body=message.body, body_format=NotifyFormat.TEXT)
        if not result:
            reasons = "; ".join(entry.message for entry in result.logs())
            raise DeliveryFailed(reasons or "the service did not take it")

    def _service(self, number: str) -> NotifyBase | None:
        """The service, set up for one recipient; None when it will not have it."""
        url = self._url.replace(RECIPIENT, quote(number))
        parts = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
        if parts is None:
            return None
        return Apprise.instantiate({**parts, "targets": [number]}, asset=self._asset)


def silence_apprise() -> None:
    """Keep apprise out of the logs: it quotes tokens it finds wrong, and what it sends.

    What it says about one message still comes back with that message's result.
    """
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.WARNING)
    logger.propagate = False


def _addresses(service: NotifyBase, number: str) -> bool:
    """Whether the service would send to that number.

    Asked of it, since a service drops a number it thinks wrong, and some then send to their own.
    """
    url = str(service.url())  # type: ignore[no-untyped-call]
    return re.search(rf"(?<!\d){re.escape(number.removeprefix('+'))}(?!\d)", url) is not None
