"""Makers of cards and bank accounts, of what the outside was asked for, and of what it says."""

import asyncio
from typing import Any, Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.money import Person, Scene
from whipround.db.batch import Batcher
from whipround.db.database import Database
from whipround.db.request_keys import Answer
from whipround.domain.payments.commands import Pay, Payment, Processing
from whipround.domain.payments.shares import PayShare
from whipround.domain.settlements.batch import SettlementBatch
from whipround.domain.settlements.commands import Settle
from whipround.errors import DomainError
from whipround.money import Money
from whipround.outcomes import Outcome

Recorder = Batcher[Settle, Answer | None]
"""What records the word of the outside in a server process."""

_SOURCE = """
    insert into funding_source (id, user_id, type, type_name, description, allows_in, allows_out,
        status, verified_at, created_at, updated_at)
    values (%(id)s, %(user)s, %(type)s, %(type)s, 'Mine', %(type)s <> 'card', true, 'enabled',
        %(now)s, %(now)s, %(now)s)
"""
_CARD = """
    insert into card (id, funding_source_id, status, type, brand, last_digits, expiration_month,
        expiration_year, sealed, created_at, updated_at)
    values (gen_random_uuid(), %(id)s, 'active', 'credit', 'Visa', '4242', 12, 2099, 'sealed',
        %(now)s, %(now)s)
"""
_BANK_ACCOUNT = """
    insert into bank_account (id, funding_source_id, country, swift, iban, account_number, owner_id,
        enabled, sealed, created_at, updated_at)
    values (gen_random_uuid(), %(id)s, 'GB', 'MIDLGB22', 'GB98MIDL07009312345678', '', '', true,
        'sealed', %(now)s, %(now)s)
"""


async def make_source(
    scene: Scene, owner: Person, type_: Literal["card", "bank_account"] = "card"
) -> UUID:
    """A card or a bank account of the person that can be used."""
    id_ = uuid7()
    given = {"id": id_, "user": owner.id, "type": type_, "now": scene.now}
    async with scene.db.transaction() as tx:
        await tx.execute(_SOURCE, given)
        await tx.execute(_CARD if type_ == "card" else _BANK_ACCOUNT, given)
    return id_


def paying_out(scene: Scene, owner: Person, to: UUID, amount: Money, **given: Any) -> Pay:
    """An order to pay out of the wallet to a source of the person's own."""
    order = scene.order(owner, owner, amount, **given)
    return order._replace(recipient_user_id=None, recipient_source_id=to)


async def intended(scene: Scene, *orders: Pay | PayShare) -> list[Processing]:
    """Orders that only the outside can carry out, up to where it is asked."""
    server = scene.server()
    made = await asyncio.gather(*map(server.submit, orders))
    found = [it for it in made if isinstance(it, Processing)]
    assert len(found) == len(orders), made
    return found


def recorder(db: Database, scene: Scene, **given: Any) -> Recorder:
    """A server that records, whose clock stands at the scene's."""
    return Batcher(db, SettlementBatch(clock=lambda: scene.now), **given)


def heard(asked: Processing, outcome: Outcome | None) -> Settle:
    """What is recorded by the request that has asked for it."""
    return Settle(asked.call.id, outcome, asked.payment, render_how)


def heard_later(asked: Processing, outcome: Outcome | None) -> Settle:
    """What is recorded by whoever hears of it when no request waits any more."""
    return Settle(asked.call.id, outcome)


def render_how(outcome: Payment | DomainError) -> Answer:
    """How a payment stands, or why there is none."""
    if isinstance(outcome, DomainError):
        return Answer(400, outcome.code.encode())
    paid = outcome.recipient
    said = f"{outcome.status} {outcome.fulfillment_status} {paid.status} {paid.full_name}"
    return Answer(201, said.encode())


async def record(at: Recorder, *commands: Settle) -> list[str]:
    """Have all of it recorded at once; the answers, as far as anybody waits for one."""
    answers = await asyncio.gather(*map(at.submit, commands))
    return ["" if it is None else it.body.decode() for it in answers]
