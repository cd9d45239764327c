"""What becomes of calls whose processor gives no word, or none that can be relied upon."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.flows.test_cut_off import ACCOUNT, CARD, Act, _pay, _refund, _source
from tests.money import EUR, Person, Scene, held, held_by, new_key, problems, rows
from whipround.db.batch import Batcher
from whipround.db.request_keys import Answer
from whipround.domain.gateway_calls import LEASE
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.settlements.batch import SettlementBatch
from whipround.flows import calls
from whipround.flows.desk import Desk
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    Processors,
    ProcessorUnavailable,
)
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

Word = Outcome | Exception | None
APPROVED = Outcome("approved", authorization_code="A1", reference_code="R1", tracking_code="T1")


@dataclass
class Scripted:
    """An outside that says what it is told to, in order; the last word for ever."""

    doing: list[Word] = field(default_factory=list)
    finding: list[Word] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    later: timedelta = timedelta(0)
    name: str = "scripted"

    async def _say(self, words: list[Word], what: str) -> Any:
        self.asked.append(what)
        word = words.pop(0) if len(words) > 1 else words[0]
        if isinstance(word, TimeoutError):
            await asyncio.sleep(60)
        if isinstance(word, Exception):
            raise word
        return word

    async def register(self, _: Any) -> Any:
        return await self._say(self.doing, "register")

    async def charge(self, _: Any) -> Any:
        return await self._say(self.doing, "charge")

    async def refund(self, _: Any) -> Any:
        return await self._say(self.doing, "refund")

    async def pay_out(self, _: Any) -> Any:
        return await self._say(self.doing, "payout")

    async def find(self, _: Any) -> Any:
        return await self._say(self.finding, "find")

    def least_payout(self, _: str) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Office:
    """A person's withdrawal of 6.00, charge of 6.00 or refund of it, by a scripted outside."""

    scene: Scene
    outside: Scripted
    desk: Desk
    payments: "Batcher[Any, Any]"

    async def carry_out(self, act: Act) -> Answer:
        return await act.flow(act, self.desk, self.payments)

    async def sweep(self, after: timedelta) -> None:
        """Let so much time have passed since the scene began, and ask about what is due."""
        self.outside.later = after
        await calls.sweep(self.desk, now=self.scene.now + after)


@pytest.fixture
def office(scene: Scene) -> Office:
    outside = Scripted()
    desk = Desk(
        scene.db,
        scene.product.id,
        scene.keyring,
        Processors(cards=outside, banks=outside),
        Batcher(scene.db, SettlementBatch(clock=lambda: scene.now + outside.later)),
    )
    return Office(scene, outside, desk, Batcher(scene.db, PaymentBatch(clock=lambda: scene.now)))


async def _withdrawal(scene: Scene, who: Person) -> tuple[Act, UUID]:
    account = await _source(scene, who, ACCOUNT)
    given = {"recipient_user_id": None, "recipient_source_id": account}
    return Act(scene, who, new_key(), _pay, scene.order(who, who, EUR("6.00"), **given)), account


MINUTES = [timedelta(minutes=number) for number in (2, 6, 15, 40)]


async def test_a_repeat_that_is_refused_says_nothing_of_the_first_try(
    scene: Scene, office: Office, ann: Person
) -> None:
    act, account = await _withdrawal(scene, ann)
    office.outside.doing = [OutcomeUnknown("lost"), ProcessorUnavailable("busy")]
    office.outside.finding = [None, None, None, APPROVED]

    answer = await office.carry_out(act)
    for after in MINUTES[:3]:
        await office.sweep(after)
    meanwhile = await held(scene.db, ann)
    await office.sweep(MINUTES[3])

    assert answer.body.split()[1] == b"open"
    assert meanwhile == 14  # set aside, for all that the repeats were refused
    assert [await held_by(scene.db, account), await held(scene.db, ann)] == [6, 14]
    assert office.outside.asked.count("payout") == 4
    assert await problems(scene.db) == []


async def test_what_is_refused_at_the_first_try_is_given_back_at_once(
    scene: Scene, office: Office, ann: Person
) -> None:
    act, _ = await _withdrawal(scene, ann)
    office.outside.doing = [ProcessorUnavailable("busy")]

    answer = await office.carry_out(act)

    assert answer == Answer(400, b"gateway_unavailable")
    assert await held(scene.db, ann) == 20
    assert await problems(scene.db) == []


async def test_a_processor_that_never_answers_is_waited_for_so_long(
    scene: Scene, office: Office, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, account = await _withdrawal(scene, ann)
    monkeypatch.setattr(calls, "ASK_SECONDS", 0.05)
    office.outside.doing = [TimeoutError()]
    office.outside.finding = [TimeoutError(), APPROVED]

    answer = await office.carry_out(act)
    await office.sweep(MINUTES[0])
    await office.sweep(MINUTES[1])

    assert answer.body.split()[1] == b"open"
    assert await held_by(scene.db, account) == 6
    assert await problems(scene.db) == []


async def test_a_refund_is_owed_and_tried_again(
    scene: Scene, office: Office, ann: Person, ben: Person
) -> None:
    card = await _source(scene, ann, CARD)
    paid = Act(
        scene, ann, new_key(), _pay, scene.order(ann, ben, EUR("6.00"), funding_source_id=card)
    )
    office.outside.doing = [APPROVED, ProcessorUnavailable("busy"), APPROVED]
    office.outside.finding = [None]
    await office.carry_out(paid)
    [(payment_id,)] = await rows(scene.db, "select id from payment")

    answer = await office.carry_out(Act(scene, ben, new_key(), _refund, payment_id))
    await office.sweep(MINUTES[0])

    assert answer.body.split()[1] == b"pending"
    assert office.outside.asked == ["charge", "refund", "find", "refund"]
    assert [await held_by(scene.db, card), await held(scene.db, ann)] == [0, 20]
    [tracked, _] = await rows(scene.db, "select tracking_code from transaction order by created_at")
    assert tracked == ("T1",)
    assert await problems(scene.db) == []


@pytest.mark.parametrize("by_card", [True, False], ids=["charge", "payout"])
async def test_what_was_given_up_stays_so_while_nobody_has_heard_of_it(
    scene: Scene, office: Office, ann: Person, ben: Person, by_card: bool
) -> None:
    act, _ = await _withdrawal(scene, ann)
    if by_card:
        card = await _source(scene, ben, CARD)
        order = scene.order(ben, ann, EUR("6.00"), funding_source_id=card)
        act = Act(scene, ben, new_key(), _pay, order)
    office.outside.doing = [ProcessorUnavailable("busy")]
    office.outside.finding = [None]

    answer = await office.carry_out(act)
    for days in (1, 2, 3, 8, 9):
        await office.sweep(timedelta(days=days, minutes=1))

    assert answer == Answer(400, b"gateway_unavailable")
    assert office.outside.asked.count("find") >= 3
    assert [await held(scene.db, it) for it in (ann, ben)] == [20, 0]
    assert await rows(
        scene.db, "select status, due_at from gateway_call where kind <> 'register'"
    ) == [("cancelled", None)]
    assert await problems(scene.db) == []


async def test_a_charge_that_was_given_up_and_went_through_is_in_the_payers_wallet(
    scene: Scene, office: Office, ann: Person, ben: Person
) -> None:
    card = await _source(scene, ann, CARD)
    order = scene.order(ann, ben, EUR("6.00"), funding_source_id=card)
    office.outside.doing = [ProcessorUnavailable("busy")]
    office.outside.finding = [APPROVED]

    await office.carry_out(Act(scene, ann, new_key(), _pay, order))
    await office.sweep(timedelta(days=1, minutes=1))

    assert [await held(scene.db, it) for it in (ann, ben)] == [26, 0]
    assert await held_by(scene.db, card) == -6
    assert await problems(scene.db) == []


async def test_what_nobody_can_tell_of_is_asked_less_and_less_often(
    scene: Scene, office: Office, ann: Person
) -> None:
    act, _ = await _withdrawal(scene, ann)
    office.outside.doing = [OutcomeUnknown("lost")]
    office.outside.finding = [OutcomeUnknown("away")]
    await office.carry_out(act)

    pauses = []
    for _ in range(9):
        due_at = await _due_at(scene)
        await office.sweep(due_at - scene.now)
        pauses.append((await _due_at(scene) - due_at) // timedelta(seconds=1))

    minute = LEASE // timedelta(seconds=1)
    assert pauses[:3] == [minute, 2 * minute, 4 * minute]
    assert pauses[-2:] == [64 * minute] * 2


async def _due_at(scene: Scene) -> Any:
    [(due_at,)] = await rows(scene.db, "select due_at from gateway_call where kind = 'payout'")
    return due_at


async def test_a_repeat_after_the_outcome_forgets_no_code(
    scene: Scene, office: Office, ann: Person
) -> None:
    act, _ = await _withdrawal(scene, ann)
    office.outside.doing = [replace(APPROVED, status="pending")]
    await office.carry_out(act)
    await rows(scene.db, "delete from request_answer returning 1")

    again = await office.carry_out(act)

    assert again.body.split()[1] == b"open"
    assert await rows(
        scene.db,
        "select authorization_code, reference_code, tracking_code from gateway_call"
        " where kind = 'payout'",
    ) == [("A1", "R1", "T1")]


async def test_what_has_ended_is_not_asked_about_for_ever(
    scene: Scene, office: Office, ann: Person
) -> None:
    act, _ = await _withdrawal(scene, ann)
    office.outside.doing = [ProcessorUnavailable("busy")]
    office.outside.finding = [Outcome("declined", error_code="no_funds")]
    await office.carry_out(act)

    for _ in range(40):
        due_at = await _due_at(scene)
        if due_at is None:
            break
        await office.sweep(due_at - scene.now + timedelta(hours=12))

    assert due_at is None
    assert await held(scene.db, ann) == 20
    assert await problems(scene.db) == []
