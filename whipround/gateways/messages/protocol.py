"""What carries a message to a person, and how it says that it could not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, TypeAlias
from uuid import UUID

from whipround.db.outbox import Channel

logger = logging.getLogger(__name__)

SEND_SECONDS = 15
"""The longest a single message may take to be handed over, if nothing is attached to it."""

SLOWEST_BYTES_PER_SECOND = 128 * 1024
"""How fast what is attached goes, at the least."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Attachment(NamedTuple):
    """A file that goes with a mail; `content_type` is its media type."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it goes out.

    `id` stays the same however often the message is tried, so that a repeat after a crash can be
    recognised; `product` is the schema of the product that sends it. `recipient` is an E.164 number
    or an email address; of a push a user's id, and to FCM the token of one of their devices. Only a
    mail has something attached to it; `data` goes with a push, for the app.
    """

    id: UUID
    product: str
    channel: Channel
    recipient: str
    subject: str
    body: str
    created_at: datetime
    attachment: Attachment | None = None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def more_seconds(self) -> float:
        """How much longer than others it may take, for what is attached to it."""
        content = self.attachment.content if self.attachment else b""
        return len(content) / SLOWEST_BYTES_PER_SECOND


def stable_id(number: int, created_at: datetime) -> UUID:
    """A version 7 UUID made of a message's number in the outbox and its time: always the same."""
    milliseconds, rest = divmod((created_at - _EPOCH) // timedelta(microseconds=1), 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | rest << 64 | 2 << 62 | number)


class DeliveryError(Exception):
    """A message could not be handed over. The text is for operators and never quotes the body."""


class DeliveryFailed(DeliveryError):
    """Not this time; it may work later."""


class DeliveryRefused(DeliveryError):
    """Never: there is no such address, or the other side wants no such message."""


class TokenGone(DeliveryRefused):
    """The app is on the device no more that a push was for, or has another token by now."""


class Rerouted(DeliveryError):
    """Not this way at all, but to this recipient on another channel."""

    def __init__(self, channel: Channel, recipient: str) -> None:
        super().__init__(f"goes by {channel}")
        self.channel = channel
        self.recipient = recipient


class ChannelNotConfigured(DeliveryError):
    """Nothing was tried, since the operator has not set up this channel."""


class GatewayMisconfigured(Exception):
    """A setting does not say where messages are to go; the text names the setting."""


Outcome: TypeAlias = DeliveryError | None
"""None when the message was handed over."""


class Gateway(Protocol):
    """A way to hand over messages."""

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Hand over each message; one outcome per message, in order.

        What goes wrong with one message is that message's outcome and disturbs no other.
        """
        ...


class Unconfigured:
    """Stands for a channel that is not set up; `reason` tells the operator what to do."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Hand over nothing, with the reason as every outcome."""
        return [ChannelNotConfigured(self._reason) for _ in messages]


async def outcome_of(send: Callable[[Outgoing], Awaitable[None]], message: Outgoing) -> Outcome:
    """What became of one message that `send` hands over, raising a DeliveryError if it cannot."""
    try:
        async with asyncio.timeout(SEND_SECONDS + message.more_seconds):
            await send(message)
    except DeliveryError as error:
        return error
    except TimeoutError:
        return DeliveryFailed(f"no answer within {SEND_SECONDS + message.more_seconds:.0f} seconds")
    except Exception as error:
        logger.exception("message %s met an unexpected error", message.id)
        return DeliveryFailed(f"unexpected {type(error).__name__}")
    return None
