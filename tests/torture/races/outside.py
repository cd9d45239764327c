"""What a processor says, however often and to whomever, counts once."""

from collections.abc import Coroutine
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.api.memento.paying import PAYMENTS, Customer, new_account, new_card, said
from tests.api.memento.test_refunds import desk_of
from tests.money import EUR, rows
from tests.torture.races.race import race
from tests.torture.races.storm import CLIENTS, Storm, begin
from tests.torture.races.world import World
from whipround.flows import calls
from whipround.flows.desk import Desk

_NOT_IN_THAT_STATE = "409 not_in_that_state"


async def _transaction(payer: Customer) -> str:
    """The id of somebody's newest transaction."""
    return str(said(await payer.get("/v1/transactions"))[0]["id"])


@race(10)
async def a_charge_is_decided_once_while_it_is_looked_at(world: World, storm: Storm) -> None:
    """Twenty words of its approval, and some of its decline, while both sides and sweeps look."""
    ann, bob = await world.person(), await world.person()
    card = await ann.add(new_card("tok_test_pending"))
    made = await ann.paid(bob, "6.00", funding_source_id=card.rpartition("/")[2])
    transaction, path = await _transaction(ann), f"{PAYMENTS}/{made['id']}"
    declines = storm.chance.choice([0, 6])

    sweeping = [desk_of(world.here.town) for _ in range(4)]
    [[call_id]] = await rows(
        world.db, "select id from gateway_call where transaction_id = %s", transaction
    )

    def sweep(desk: Desk) -> Coroutine[Any, Any, None]:
        return begin(lambda: calls.resolve(desk, call_id, now=datetime.now(UTC)))

    answers: list[Any] = await storm.at_once(
        *storm.late(*(world.happen(n, f"charges/{transaction}/approve") for n in range(20))),
        *(world.happen(n, f"charges/{transaction}/decline") for n in range(declines)),
        *(world.at(n, (ann, bob)[n // 2 % 2]).get(path) for n in range(12)),
        *storm.late(*map(sweep, sweeping * 2)),
    )

    answers = answers[: -2 * len(sweeping)]
    words = storm.count(answers)
    told = words[: 20 + declines]
    assert told.count("ok") == 1
    assert set(told) == {"ok", _NOT_IN_THAT_STATE}
    is_approved = told.index("ok") < 20
    storm.tell(approved=is_approved, declined=not is_approved)
    polled = [said(it) for it in answers[len(told) :] if it.status_code != 404]
    stands = {(it["status"], it["fulfillment_status"]) for it in polled}
    last = ("closed", "fulfilled" if is_approved else "unfulfilled")
    assert stands <= {("open", "unfulfilled"), last}
    shown = said(await ann.get(path))
    assert (shown["status"], shown["fulfillment_status"]) == last
    assert await bob.has() == 6 * is_approved


@race(10, is_long=True)
async def a_payout_comes_back_once(world: World, storm: Storm) -> None:
    """Although it has arrived, or is said to arrive just now."""
    ann = await world.person(EUR("10.00"))
    token = storm.chance.choice([{}, {"token": "tok_test_pending"}])
    source = await ann.add_verified(new_account(**token))
    to_bank = {"funding_source_id": source.rpartition("/")[2], "amount": "4.00"}
    said(await ann.pay(ann, recipient=to_bank), 201)
    payout = await _transaction(ann)
    acts = [("fail", "approve")[n % 2] for n in range(CLIENTS - 8)]

    words = await storm.answers(
        *(world.happen(n // 2, f"payouts/{payout}/{act}") for n, act in enumerate(acts)),
        *(world.at(n, ann).get("/v1/transactions") for n in range(8)),
    )

    assert words[: len(acts) : 2].count("ok") == 1
    assert words[1 : len(acts) : 2].count("ok") <= bool(token)
    assert set(words) == {"ok", _NOT_IN_THAT_STATE}
    assert await ann.has() == 10
    shown = said(await ann.get(f"/v1/transactions/{payout}"))
    assert shown["status"] in ({"failed", "rejected"} if token else {"failed"})


@race(14, is_long=True)
async def a_card_is_removed_while_it_pays(world: World, storm: Storm) -> None:
    """What it was charged for has arrived; and afterwards it is gone, or can be removed."""
    ann, bob = await world.person(), await world.person()
    card = await ann.add_card()
    path = f"/v1/funding_sources/{card}"

    words = await storm.answers(
        *storm.late(*(world.at(n, ann).delete(path) for n in range(8))),
        *storm.late(
            *(
                each.pay(bob, "1.00", funding_source_id=card)
                for each in await world.devices(ann, CLIENTS - 8)
            )
        ),
    )

    storm.tell(removed=words[:8].count("ok"))
    assert words[:8].count("ok") <= 1
    assert set(words[:8]) <= {"ok", "400 funding_source_in_use", "404"}
    assert set(words[8:]) <= {"ok", "422 funding_source_id: not_found"}
    assert await bob.has() == words[8:].count("ok")
    if "ok" not in words[:8]:
        assert (await ann.delete(path)).is_success
    assert (await ann.get(path)).status_code == 404
    charged = said(await ann.get("/v1/transactions?limit=100"))
    assert [it["status"] for it in charged] == ["approved"] * words[8:].count("ok")
    assert await ann.has() == Decimal(0)
