"""A process is killed between any two steps of a flow: the money ends once, where it belongs.

Killed for good, by the signal that nothing can catch: before the processor is asked, after it has
done what it was asked, and after that was recorded but nobody answered.
"""

import asyncio
import os
import signal
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, Person, Scene, held, held_by, new_key, problems, rows
from whipround.db.batch import Batcher
from whipround.db.database import open_database
from whipround.db.request_keys import Answer, InProgress, RequestKey
from whipround.domain.funding import once
from whipround.domain.funding.creation import NewBankAccount, NewCard, NewSource
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import Pay
from whipround.domain.payments.means import FromWallet, Means, OnceCard
from whipround.domain.refunds.commands import RefundOrder
from whipround.domain.settlements.batch import SettlementBatch
from whipround.errors import DomainError
from whipround.flows import calls, payments, refunds, registrations
from whipround.flows.desk import Desk
from whipround.gateways.processors.protocol import Processors
from whipround.gateways.processors.sandbox import SandboxProcessor

pytestmark = pytest.mark.anyio

Cut: TypeAlias = Literal["before", "after", "recorded"]
CUTS: tuple[Cut, ...] = ("before", "after", "recorded")

_PATIENCE_SECONDS = 30


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Fatal:
    """The sandbox's processor, in a process that dies just before it is asked, or just after."""

    def __init__(self, inner: SandboxProcessor, cut: Cut) -> None:
        self.name = inner.name
        self._inner = inner
        self._cut = cut

    async def register(self, registration: Any) -> Any:
        return await self._fatally(self._inner.register(registration))

    async def charge(self, operation: Any) -> Any:
        return await self._fatally(self._inner.charge(operation))

    async def refund(self, operation: Any) -> Any:
        return await self._fatally(self._inner.refund(operation))

    async def pay_out(self, operation: Any) -> Any:
        return await self._fatally(self._inner.pay_out(operation))

    async def find(self, operation: Any) -> Any:
        return await self._inner.find(operation)

    def least_payout(self, currency: str) -> Any:
        return self._inner.least_payout(currency)

    async def close(self) -> None:
        await self._inner.close()

    async def _fatally(self, asking: Awaitable[Any]) -> Any:
        if self._cut == "before":
            die()
        outcome = await asking
        if self._cut == "after":
            die()
        return outcome


def render(outcome: Any) -> Answer:
    """The answer to anything: the error's code, or the id of what was made and how it stands."""
    if isinstance(outcome, DomainError):
        return Answer(400, outcome.code.encode())
    return Answer(201, f"{outcome.id} {outcome.status}".encode())


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person does, by one of the flows, under a key."""

    scene: Scene
    who: Person
    key: RequestKey
    flow: Callable[["Act", Desk, "Batcher[Any, Any]"], Awaitable[Answer]]
    subject: Any

    async def carry_out(self, cut: Cut | None = None) -> Answer:
        """Do it, with connections of one's own; in the midst of it the process may die."""
        async with open_database(self.scene.conninfo, connections=4) as pool:
            db = pool.of(self.scene.product.schema_name)
            processor: Any = SandboxProcessor(db, clock=lambda: self.scene.now)
            if cut is not None:
                processor = Fatal(processor, cut)
            answer = await self.flow(self, *_counter(self.scene, db, processor))
            if cut is not None:
                die()
            return answer

    async def cut_off(self, cut: Cut) -> None:
        """Do it in a process of its own, which is killed at the cut."""
        assert await asyncio.to_thread(_status, lambda: asyncio.run(self.carry_out(cut))) == (
            signal.SIGKILL
        )


def _status(work: Callable[[], object]) -> int:
    """The signal that ended a child process, which does the work. Called in a thread of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks of what has threads
        pid = os.fork()
    if pid == 0:
        signal.alarm(_PATIENCE_SECONDS)
        try:
            work()
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


def _counter(scene: Scene, db: Any, processor: Any) -> tuple[Desk, "Batcher[Any, Any]"]:
    desk = Desk(
        db,
        scene.product.id,
        scene.keyring,
        Processors(cards=processor, banks=processor),
        Batcher(db, SettlementBatch(clock=lambda: scene.now)),
    )
    return desk, Batcher(db, PaymentBatch(clock=lambda: scene.now))


async def _pay(act: Act, desk: Desk, batcher: "Batcher[Any, Any]") -> Answer:
    order: Pay = act.subject
    return await payments.pay(desk, batcher, order._replace(key=act.key, render=render))


async def _refund(act: Act, desk: Desk, _: "Batcher[Any, Any]") -> Answer:
    order = RefundOrder(
        key=act.key,
        payment_id=act.subject,
        user_id=act.who.id,
        pin="1234",
        amount=None,
        description="",
        meta="",
        render=render,
    )
    return await refunds.refund(desk, order, now=act.scene.now)


async def _register(act: Act, desk: Desk, _: "Batcher[Any, Any]") -> Answer:
    new = NewSource(
        "card" if isinstance(act.subject, NewCard) else "bank_account", "Mine", "", act.subject
    )
    return await registrations.register(
        desk, key=act.key, user_id=act.who.id, new=new, render=render, now=act.scene.now
    )


CARD = NewCard(
    token="tok_test_visa_4242",
    brand="Visa",
    last_digits="4242",
    expiration_month=12,
    expiration_year=2099,
)
ACCOUNT = NewBankAccount(
    token="",
    country="GB",
    swift="MIDLGB22",
    iban="GB98MIDL07009312345678",
    account_number="",
    owner_id="",
)


async def _source(scene: Scene, who: Person, details: Any) -> Any:
    """The id of a card or a bank account that can be used."""
    added = await Act(scene, who, new_key(), _register, details).carry_out()
    assert added.status == 201, added
    [(id_,)] = await rows(
        scene.db, "select id from funding_source where user_id = %s and type <> 'virtual'", who.id
    )
    await rows(
        scene.db,
        "update funding_source set status = 'enabled', verified_at = now() where id = %s"
        " returning 1",
        id_,
    )
    return id_


async def _repaired(scene: Scene, *, after: timedelta = timedelta(minutes=2)) -> None:
    """Sweep as two workers would, at once and again, once the lease of the call is over."""
    desk, _ = _counter(scene, scene.db, SandboxProcessor(scene.db, clock=lambda: scene.now))
    for _ in range(2):
        await asyncio.gather(*(calls.sweep(desk, now=scene.now + after) for _ in range(2)))


async def _is_answered_once(act: Act) -> Answer:
    """What a repeat gets, which is what any further one gets."""
    first, again = await act.carry_out(), await act.carry_out()
    assert first == again
    return first


@pytest.mark.parametrize("cut", CUTS)
async def test_a_charge_that_was_cut_off_lands_once(
    scene: Scene, ann: Person, ben: Person, cut: Cut
) -> None:
    card = await _source(scene, ann, CARD)
    order = scene.order(ann, ben, EUR("6.00"), funding_source_id=card)
    act = Act(scene, ann, new_key(), _pay, order)

    await act.cut_off(cut)
    if cut != "recorded":
        with pytest.raises(InProgress):
            await act.carry_out()
    await _repaired(scene)
    answer = await _is_answered_once(act)

    assert (answer.status, answer.body.split()[1]) == (201, b"closed")
    assert await held(scene.db, ben) == 6
    assert await held_by(scene.db, card) == -6
    assert await _operations(scene) == [("charge", "approved")]
    assert await problems(scene.db) == []


@pytest.mark.parametrize(
    ("cut", "token"),
    [*((cut, "tok_test_visa_4242") for cut in CUTS), ("after", "tok_test_card_declined")],
)
async def test_a_card_and_the_wallet_pay_together_or_not_at_all(
    scene: Scene, ann: Person, ben: Person, cut: Cut, token: str
) -> None:
    async with scene.db.transaction() as tx:
        cards = await once.source_of(tx, user_id=ann.id, kind="card", now=scene.now)
    call_id = uuid7()
    card = OnceCard(call_id, scene.keyring.seal(call_id, token), "Ann")
    means = Means(card=card, wallet=FromWallet(ann.wallet_id, Decimal("15.00")))
    order = scene.order(ann, ben, EUR("20.00"), funding_source_id=cards, means=means)
    act = Act(scene, ann, new_key(), _pay, order)

    await act.cut_off(cut)
    set_aside = await held(scene.db, ann)
    await _repaired(scene)
    answer = await _is_answered_once(act)

    is_paid = token == "tok_test_visa_4242"
    assert set_aside == (20 if cut == "recorded" and not is_paid else 5)
    assert answer.status == (201 if is_paid else 400)
    assert await held(scene.db, ann) == (5 if is_paid else 20)
    assert await held(scene.db, ben) == (20 if is_paid else 0)
    assert await held_by(scene.db, cards) == (-5 if is_paid else 0)
    assert await _operations(scene) == [("charge", "approved" if is_paid else "declined")]
    assert await problems(scene.db) == []


async def test_a_card_that_was_charged_once_takes_back(
    scene: Scene, ann: Person, ben: Person
) -> None:
    async with scene.db.transaction() as tx:
        cards = await once.source_of(tx, user_id=ann.id, kind="card", now=scene.now)
    call_id = uuid7()
    means = Means(card=OnceCard(call_id, scene.keyring.seal(call_id, "tok_test_visa_4242"), "Ann"))
    order = scene.order(ann, ben, EUR("6.00"), funding_source_id=cards, means=means)
    await Act(scene, ann, new_key(), _pay, order).carry_out()
    [(payment_id,)] = await rows(scene.db, "select id from payment")

    answer = await Act(scene, ben, new_key(), _refund, payment_id).carry_out()

    assert (answer.status, answer.body.split()[1]) == (201, b"approved")
    assert await held_by(scene.db, cards) == 0
    assert await _operations(scene) == [("charge", "approved"), ("refund", "approved")]
    assert await problems(scene.db) == []


@pytest.mark.parametrize("cut", CUTS)
async def test_a_withdrawal_that_was_cut_off_is_paid_out_once(
    scene: Scene, ann: Person, cut: Cut
) -> None:
    account = await _source(scene, ann, ACCOUNT)
    given = {"recipient_user_id": None, "recipient_source_id": account}
    act = Act(scene, ann, new_key(), _pay, scene.order(ann, ann, EUR("6.00"), **given))

    await act.cut_off(cut)
    set_aside = await held(scene.db, ann)
    await _repaired(scene)
    answer = await _is_answered_once(act)

    assert (answer.status, answer.body.split()[1]) == (201, b"closed")
    assert [set_aside, await held(scene.db, ann)] == [14, 14]
    assert await held_by(scene.db, account) == 6
    assert await _operations(scene) == [("payout", "approved")]
    assert await problems(scene.db) == []


@pytest.mark.parametrize("cut", CUTS)
async def test_a_refund_that_was_cut_off_gets_back_to_the_card_once(
    scene: Scene, ann: Person, ben: Person, cut: Cut
) -> None:
    card = await _source(scene, ann, CARD)
    order = scene.order(ann, ben, EUR("6.00"), funding_source_id=card)
    await Act(scene, ann, new_key(), _pay, order).carry_out()
    [(payment_id,)] = await rows(scene.db, "select id from payment")
    act = Act(scene, ben, new_key(), _refund, payment_id)

    await act.cut_off(cut)
    given = await held(scene.db, ben)
    await _repaired(scene)
    answer = await _is_answered_once(act)

    assert (answer.status, answer.body.split()[1]) == (201, b"approved")
    assert [given, await held(scene.db, ben)] == [0, 0]
    assert await held_by(scene.db, card) == 0
    assert await _operations(scene) == [("charge", "approved"), ("refund", "approved")]
    assert await problems(scene.db) == []


@pytest.mark.parametrize("cut", CUTS)
async def test_a_card_whose_registration_was_cut_off_is_there_once(
    scene: Scene, ann: Person, cut: Cut
) -> None:
    act = Act(scene, ann, new_key(), _register, CARD)

    await act.cut_off(cut)
    await _repaired(scene)
    answer = await _is_answered_once(act)

    assert (answer.status, answer.body.split()[1]) == (201, b"enabled")
    assert await rows(scene.db, "select status from funding_source where type = 'card'") == [
        ("enabled",)
    ]
    assert len(await rows(scene.db, "select id from outbox where channel = 'statement'")) == 1


async def test_what_never_arrived_is_given_up_once_nobody_expects_it_any_more(
    scene: Scene, ann: Person, ben: Person
) -> None:
    card, account = await _source(scene, ann, CARD), await _source(scene, ben, ACCOUNT)
    topped_up = scene.order(ben, ben, EUR("1.00"), funding_source_id=account)
    await Act(scene, ben, new_key(), _pay, topped_up).carry_out()
    paid = Act(scene, ann, new_key(), _pay, scene.order(ann, ben, funding_source_id=card))
    given = {"recipient_user_id": None, "recipient_source_id": account}
    withdrawn = Act(scene, ben, new_key(), _pay, scene.order(ben, ben, EUR("1.00"), **given))

    await paid.cut_off("before")
    await withdrawn.cut_off("before")
    await _repaired(scene, after=calls.GIVEN_UP_AFTER["charge"] + timedelta(minutes=1))
    answers = [await _is_answered_once(it) for it in (paid, withdrawn)]

    assert answers == [Answer(400, b"gateway_unavailable")] * 2
    assert [await held(scene.db, it) for it in (ann, ben)] == [20, 1]
    assert await _operations(scene) == [("charge", "approved")]
    assert await problems(scene.db) == []


async def test_a_refund_that_was_taken_is_never_made_again(
    scene: Scene, ann: Person, ben: Person
) -> None:
    card = await _source(scene, ann, CARD)
    order = scene.order(ann, ben, EUR("6.00"), funding_source_id=card)
    await Act(scene, ann, new_key(), _pay, order).carry_out()
    [(payment_id,)] = await rows(scene.db, "select id from payment")
    await Act(scene, ben, new_key(), _refund, payment_id).carry_out()

    # Nobody remembers it any more when it is asked whether it came back.
    await rows(scene.db, "delete from sandbox_operation where kind = 'refund' returning 1")
    await _repaired(scene, after=timedelta(days=2))

    assert await _operations(scene) == [("charge", "approved")]
    assert [await held_by(scene.db, card), await held(scene.db, ben)] == [0, 0]
    assert await problems(scene.db) == []


async def _operations(scene: Scene) -> list[tuple[Any, ...]]:
    """What the processor was asked to do, and what became of it."""
    return await rows(
        scene.db, "select kind, status from sandbox_operation order by created_at, kind"
    )
