"""Makers of requests and pools, and of orders to pay a share of them."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.money import EUR, Outcome, Person, Scene, answered, new_key, outcome_of, render, rows
from tests.people import PIN
from whipround.domain.payments.shares import Contribution, PayShare, RequestShare, Share
from whipround.domain.pools import creation as pools
from whipround.domain.pools.creation import NewPool
from whipround.domain.requests import creation as requests
from whipround.domain.requests.creation import NewParticipant, NewRequest
from whipround.money import Money


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and its participants in order."""

    id: UUID
    participants: tuple[UUID, ...]


async def make_request(
    scene: Scene, owner: Person, *asked: Person | str, amount: Money | None = None, **given: Any
) -> Ask:
    """A request of the owner's: each of those asked, a person or a number, is to pay `amount`."""
    each = amount or EUR("6.00")
    participants = [
        NewParticipant(
            user_id=it.id if isinstance(it, Person) else None,
            phone=it if isinstance(it, str) else None,
            name="",
            amount=each.amount,
            meta="",
        )
        for it in asked
    ]
    said: dict[str, Any] = {
        "amount": Money(each.amount * len(asked), each.currency),
        "description": "Dinner",
        "meta": "",
        "funding_source_id": owner.wallet_id,
        "only_owner_sees_participants": False,
        "picture": None,
        "image_ids": (),
        "participants": participants,
    }
    new = NewRequest(**{**said, **given})
    async with scene.db.transaction() as tx:
        await requests.create(
            tx,
            owner=owner.user,
            new=new,
            keyring=scene.keyring,
            now=scene.now,
            limit_multiplier=1000,
        )
    [[id_]] = await rows(
        scene.db,
        "select id from payment_request where owner_id = %s order by number desc limit 1",
        owner.id,
    )
    ids = await rows(
        scene.db, "select id from request_participant where request_id = %s order by id", id_
    )
    return Ask(id_, tuple(participant_id for (participant_id,) in ids))


def new_pool(funding_source_id: UUID, **given: Any) -> NewPool:
    """A public pool in euros, as its owner describes it."""
    said: dict[str, Any] = {
        "description": "Gift",
        "detailed_description": "",
        "funding_source_id": funding_source_id,
        "hashtag": "",
        "meta": "",
        "currency": "EUR",
        "options": (),
        "invites": (),
        "picture": None,
        "is_public": True,
        "only_owner_sees_participants": False,
        "has_unique_participants": False,
        "allows_optional_amount": True,
        "minimum_user_amount": None,
        "maximum_user_amount": None,
        "start_at": None,
        "end_at": None,
    }
    return NewPool(**{**said, **given})


async def make_pool(scene: Scene, owner: Person, **given: Any) -> UUID:
    """A public pool in euros, of the owner's."""
    async with scene.db.transaction() as tx:
        pool = await pools.create(
            tx,
            owner=owner.user,
            new=new_pool(**{"funding_source_id": owner.wallet_id, **given}),
            keyring=scene.keyring,
            now=scene.now,
            limit_multiplier=1000,
        )
    return pool.id


def paying(scene: Scene, payer: Person, share: Share, **given: Any) -> PayShare:
    """Somebody's order to pay a share, from the wallet."""
    said: dict[str, Any] = {
        "key": new_key(),
        "payer_id": payer.id,
        "payer_name": payer.user.full_name,
        "pin": scene.keyring.pin(payer.id, given.pop("pin", PIN)),
        "funding_source_id": payer.wallet_id,
        "share": share,
        "source_currency": None,
        "meta": "",
        "render": render,
    }
    return PayShare(**{**said, **given})


def share_of(ask: Ask, position: int = 0) -> RequestShare:
    """The share of one participant."""
    return RequestShare(ask.id, ask.participants[position])


def into(pool_id: UUID, amount: str | None = "6.00", option_id: UUID | None = None) -> Contribution:
    """A contribution to a pool."""
    return Contribution(pool_id, option_id, None if amount is None else Decimal(amount))


async def pay_shares(scene: Scene, *orders: PayShare) -> list[Outcome]:
    """Have the orders carried out by one server, all in one batch; what each came to."""
    server = scene.server()
    answers = await asyncio.gather(*map(server.submit, orders))
    return [outcome_of(answered(answer)) for answer in answers]
