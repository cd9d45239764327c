"""Memento, Activity summary, and the activity updates of the first draft, over HTTP."""

from datetime import UTC, datetime

import pytest

from tests.api.memento import requesting
from tests.api.memento.client import wrong_fields
from tests.api.memento.paying import Customer, Town, said
from tests.api.memento.pooling import collect
from tests.api.memento.requesting import ask, paying
from tests.money import EUR
from tests.people import new_phone
from whipround.domain import activity

pytestmark = pytest.mark.anyio

SUMMARY = "/v1/users/current/summary"
UPDATES = "/v1/activity/updates"


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with a hundred euros."""
    return await place.person(EUR("100.00"))


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody else with a hundred euros."""
    return await place.person(EUR("100.00"))


async def summary(viewer: Customer, query: str = "") -> tuple[int, int, int]:
    """Requests to be paid; and since then, payments and requests received."""
    shown = said(await viewer.get(f"{SUMMARY}?{query}"))
    now, since = shown.pop("current"), shown.pop("since_last_time")
    assert (shown, now.keys()) == ({}, {"unpaid_requests"})
    assert since.keys() == {"payments_received", "requests_received"}
    return now["unpaid_requests"], since["payments_received"], since["requests_received"]


async def updates(viewer: Customer, query: str = "") -> tuple[bool, int, int]:
    """Whether there is anything new; payments received since then, and to be made."""
    shown = said(await viewer.get(f"{UPDATES}?{query}"))
    assert shown.pop("payment_due") == shown["payments_due"]
    assert shown.keys() == {"has_updates", "payments_received", "payments_due"}
    return shown["has_updates"], shown["payments_received"], shown["payments_due"]


async def test_what_waits_and_what_has_come(ann: Customer, bob: Customer) -> None:
    before = datetime.now(UTC)
    nothing = (await summary(bob), await updates(bob))
    await ann.paid(bob)
    asked = [await ask(ann, bob) for _ in range(3)]
    said(await bob.post(requesting.path(asked[0], action="pay"), paying(bob)))
    said(await bob.post(requesting.path(asked[1], action="reject")))
    card = await bob.add_card()
    to = {"user_id": bob.id, "amount": "5.00"}
    await bob.paid(bob, "5.00", funding_source_id=card, recipient=to)
    after = datetime.now(UTC)

    assert nothing == ((0, 0, 0), (False, 0, 0))
    assert await summary(bob) == (1, 1, 3)
    assert await summary(ann) == (0, 1, 0)  # a request that is paid is a payment received
    assert await summary(bob, f"filter=start_at:gt:{before:%Y-%m-%dT%H:%M:%S.%fZ}") == (1, 1, 3)
    assert await summary(bob, f"filter=start_at:gt:{after:%Y-%m-%dT%H:%M:%S.%fZ}") == (1, 0, 0)
    assert await updates(bob) == (True, 1, 1)
    assert await updates(bob, f"since={after:%Y-%m-%dT%H:%M:%S.%fZ}") == (False, 0, 1)
    assert await updates(bob, "since=2018-01-01 12:30:00") == (True, 1, 1)


async def test_what_is_under_way_waits_no_more(ann: Customer, bob: Customer) -> None:
    asked = await ask(ann, bob)
    card = await bob.add_card("tok_test_pending")

    body = paying(bob, funding_source_id=card)
    said(await bob.post(requesting.path(asked, action="pay"), body))

    assert await summary(bob) == (0, 0, 1)


async def test_what_one_paid_or_asked_of_oneself_was_not_received(ann: Customer) -> None:
    phone = new_phone()
    await ann.paid(phone)
    await ask(ann, phone)
    proof = {"field": "phone", "id": await ann.client.verify(phone)}

    said(await ann.put("/v1/users", {"phone": phone, "verifications": [proof]}))

    assert await ann.has() == 100
    assert await summary(ann) == (0, 0, 0)


async def test_other_news_are_updates_too(ann: Customer, bob: Customer) -> None:
    await collect(ann, bob)

    assert await updates(bob) == (True, 0, 0)


async def test_counting_ends_somewhere(
    ann: Customer, bob: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = activity._COUNT.replace(f"limit {activity.MOST_COUNTED}", "limit 2")
    monkeypatch.setattr(activity, "_COUNT", few)
    for _ in range(3):
        await ann.paid(bob)
        await ask(ann, bob)

    assert await summary(bob) == (2, 2, 2)


async def test_what_is_no_time(ann: Customer) -> None:
    wrong = await ann.get(f"{SUMMARY}?filter=start_at:gt:soon,status:eq:open")
    assert wrong_fields(wrong) == {
        "filter.start_at": "invalid",
        "filter.status": "unsupported",
    }
    assert wrong_fields(await ann.get(f"{SUMMARY}?filter=start_at:lt:2018-01-01")) == {
        "filter.start_at": "unsupported"
    }
    assert wrong_fields(await ann.get(f"{UPDATES}?since=soon")) == {"since": "invalid"}
