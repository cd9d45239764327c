"""Pushes to people: to each of their devices; by mail or SMS where there is none left.

What a device is known by is a secret, so it is not in the message: it is looked up when the message
goes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from whipround.db.database import Database
from whipround.db.outbox import Channel
from whipround.domain import devices
from whipround.domain.users import person
from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    Gateway,
    Outcome,
    Outgoing,
    Rerouted,
    TokenGone,
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Push(NamedTuple):
    """A message to one device of a user, by its place among all messages."""

    place: int
    user_id: UUID
    message: Outgoing


class PushGateway:
    """Pushes messages to users. Without FCM all of them go another way.

    A message has arrived when one device has it: it is not tried again for the others.
    """

    def __init__(
        self, db: Database, *, fcm: Gateway | None, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._db = db
        self._fcm = fcm
        self._clock = clock

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Push each message to the devices of its user; those that are gone are forgotten.

        Where that leaves none, or there was none, the message is Rerouted.
        """
        outcomes: list[Outcome] = [None for _ in messages]
        for product in {message.product for message in messages}:
            places = [at for at, it in enumerate(messages) if it.product == product]
            mine = [messages[place] for place in places]
            for place, outcome in zip(places, await self._send(product, mine), strict=True):
                outcomes[place] = outcome
        return outcomes

    async def _send(self, product: str, messages: Sequence[Outgoing]) -> list[Outcome]:
        """What became of the messages of one product."""
        db = self._db.of(product)
        pushes = await self._pushes(db, messages)
        said = await self._fcm.send([it.message for it in pushes]) if self._fcm else []
        by_message: list[list[Outcome]] = [[] for _ in messages]
        gone = []
        for push, outcome in zip(pushes, said, strict=True):
            by_message[push.place].append(outcome)
            if isinstance(outcome, TokenGone):
                gone.append((push.user_id, push.message.recipient))
        user_ids = [UUID(message.recipient) for message in messages]
        async with db.transaction() as tx:
            if gone:
                await devices.forget_push_tokens(tx, tokens=gone, now=self._clock())
            elsewhere = await person.written_to(
                tx, user_ids=[it for it, of in zip(user_ids, by_message, strict=True) if _none(of)]
            )
        return [
            _outcome(of, elsewhere.get(user_id))
            for of, user_id in zip(by_message, user_ids, strict=True)
        ]

    async def _pushes(self, db: Database, messages: Sequence[Outgoing]) -> list[_Push]:
        """Each message once for each device of its user."""
        if self._fcm is None:
            return []
        user_ids = [UUID(message.recipient) for message in messages]
        async with db.transaction() as tx:
            tokens = await devices.push_tokens(tx, user_ids=user_ids, now=self._clock())
        return [
            _Push(place, user_id, replace(messages[place], recipient=token))
            for place, user_id in enumerate(user_ids)
            for token in tokens[user_id]
        ]


def _none(outcomes: Sequence[Outcome]) -> bool:
    """Whether none of the devices has had the message, or ever will."""
    return all(isinstance(outcome, DeliveryRefused) for outcome in outcomes)


def _outcome(outcomes: Sequence[Outcome], elsewhere: tuple[Channel, str] | None) -> Outcome:
    """What became of a message, by what became of it on each device."""
    if None in outcomes:
        return None
    if not _none(outcomes):
        return next(it for it in outcomes if isinstance(it, DeliveryFailed))
    if elsewhere is None:
        return DeliveryRefused("the user has no device that takes pushes, nor any address")
    return Rerouted(*elsewhere)
