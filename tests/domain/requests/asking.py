"""Makers of requests."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.money import Person, Scene
from whipround.domain.payees import Address
from whipround.domain.requests import creation
from whipround.domain.requests.creation import NewParticipant, NewRequest
from whipround.domain.requests.reading import PaymentRequest
from whipround.money import Money


def participant(whom: Person | Address, amount: Decimal = Decimal(1)) -> NewParticipant:
    """Somebody to be asked."""
    return NewParticipant(
        user_id=whom.id if isinstance(whom, Person) else None,
        phone=None if isinstance(whom, Person) else whom[1],
        name="",
        amount=amount,
        meta="",
    )


@dataclass(frozen=True, slots=True)
class Asking:
    """People who ask each other for money in a scene."""

    scene: Scene

    async def ask(self, owner: Person, *whom: Person | Address, **given: Any) -> PaymentRequest:
        """Ask people for a euro each; `given` is what is to be otherwise."""
        said: dict[str, Any] = {
            "amount": Money(Decimal(100), "EUR"),
            "description": "Tea",
            "meta": "",
            "funding_source_id": owner.wallet_id,
            "only_owner_sees_participants": False,
            "picture": None,
            "image_ids": (),
            "participants": [participant(each) for each in whom],
        }
        at = given.pop("at", self.scene.now)
        async with self.scene.db.transaction() as tx:
            seen = await creation.create(
                tx,
                owner=owner.user,
                new=NewRequest(**{**said, **given}),
                keyring=self.scene.keyring,
                now=at,
            )
        return seen.requests[0]


def ids(requests: list[PaymentRequest]) -> list[UUID]:
    """The ids of requests."""
    return [request.id for request in requests]
