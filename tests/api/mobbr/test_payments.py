"""Mobbr, List payments and List pledges, over HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests import crowd
from tests.api.mobbr.client import Client, Json, refused, said, told
from tests.crowd import new_profile
from tests.money import EUR, MXN, Person, Scene, charge, rows
from tests.people import new_email
from tests.settlements import heard_later, intended, make_source, paying_out, record, recorder
from tests.shares import into, make_pool, make_request, pay_shares, paying, share_of
from whipround.domain import claims, fx
from whipround.domain.crowd import pledges
from whipround.domain.crowd.plan import Page
from whipround.domain.pools import closing
from whipround.money import Money
from whipround.outcomes import Outcome as Word

pytestmark = pytest.mark.anyio

URL = "https://example.org/articles/1"

PAGE = Page(
    url=URL,
    host="example.org",
    title="An article",
    description="All about tacos",
    image="https://example.org/tacos.png",
    language="EN",
    copyright="CC BY",
    message="Thank you",
    keywords=("Food", "100%_pure"),
    favicon="https://example.org/favicon.ico",
)


@pytest.fixture
async def ann(client: Client) -> Client:
    """Somebody with 100 euros."""
    return await client.join(EUR("100.00"), first_name="Ann")


@pytest.fixture
async def ben(client: Client) -> Client:
    """Somebody with as many."""
    return await client.join(EUR("100.00"), first_name="Ben")


def after(scene: Scene, seconds: int) -> Scene:
    """The same so many seconds later: what is paid at one time is in no order."""
    return replace(scene, now=scene.now + timedelta(seconds=seconds))


async def listed(of: Client, **asked: Any) -> list[Json]:
    """The lines of somebody's list."""
    found: list[Json] = said(await of.get("/payments", **asked))
    return found


async def lines(of: Client, **asked: Any) -> Sequence[tuple[str, str, str | None]]:
    """What they come to: amount, currency and title."""
    found = await listed(of, **asked)
    return [(it["amount"], it["currency_iso"], it["title"]) for it in found]


async def divided(scene: Scene, payer: Client, money: Money, *to: Any, **how: Any) -> UUID:
    """Have somebody pay among those at once; `how` is as `crowd.plan` takes it."""
    people = [it.person if isinstance(it, Client) else it for it in to]
    return await crowd.pay_crowd(scene.db, payer.person, money, *people, now=scene.now, **how)


async def pledged(scene: Scene, payer: Client, money: Money, *to: Client, **how: Any) -> UUID:
    """Have somebody pledge to those."""
    return await divided(scene, payer, money, *to, pledge=True, **how)


async def prove(scene: Scene, person: Person, *addresses: Any) -> None:
    """Have the addresses be the person's."""
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=person.id, addresses=addresses, now=scene.now)


async def test_a_payment_to_many_is_one_line(scene: Scene, ann: Client, ben: Client) -> None:
    email = ("email", new_email())
    await charge(scene.db, EUR("0.30"))
    paid = await divided(
        scene, ann, EUR("10.00"), ben, email, ben,
        weights=[5, 3, 2], roles=["Author", "Editor", "Author of the index"], page=PAGE,
    )  # fmt: skip
    await charge(scene.db)
    line = {
        "id": paid.hex,
        "url": URL,
        "datetime": scene.now.strftime("%Y-%m-%d %H:%M:%S"),
        "amount": "-10.00000000",
        "fee": "0.30000000",
        "currency_iso": "EUR",
        "title": "An article",
        "description": "All about tacos",
        "memo": "Thank you",
        "invoiced": "0",
        "copyright": "CC BY",
        "language": "EN",
        "since_last_login": "1",
    }
    ann_sees, ben_sees = await listed(ann), await listed(ben)
    await prove(scene, ben.person, email)
    all_of_it = await listed(ben)
    await prove(scene, ann.person, email)

    assert ann_sees == await listed(ann) == [line]
    received = {**line, "fee": "0.00000000"}
    assert ben_sees == [{**received, "amount": "7.00000000"}]
    assert all_of_it == [{**received, "amount": "10.00000000"}]


async def test_whatever_the_other_faces_pay_is_in_the_list(
    scene: Scene, ann: Client, ben: Client
) -> None:
    card, bank = (
        await make_source(scene, ann.person),
        await make_source(scene, ann.person, "bank_account"),
    )
    ask = await make_request(scene, ben.person, ann.person, amount=EUR("3.00"))
    pool = await make_pool(scene, ben.person)
    [sent] = await scene.pay(scene.order(ann.person, ben.person, EUR("1.00")))
    [waiting] = await after(scene, 1).pay(
        scene.order(ann.person, ("email", new_email()), EUR("2.00"))
    )
    assert sent.payment_id
    assert waiting.payment_id
    await pay_shares(after(scene, 2), paying(scene, ann.person, share_of(ask)))
    await pay_shares(after(scene, 3), paying(scene, ann.person, into(pool, "4.00")))
    async with scene.db.transaction() as tx:
        await closing.close(
            tx, owner_id=ben.person.id, pool_id=pool, now=scene.now + timedelta(seconds=4)
        )
    top_up = {"funding_source_id": card, "description": "Top-up"}
    for seconds, word in ((5, Word("approved")), (6, Word("declined", "x")), (7, None)):
        to_wallet = paying_out(scene, ann.person, ann.person.wallet_id, EUR("5.00"), **top_up)
        [asked] = await intended(after(scene, seconds), to_wallet)
        if word:
            await record(recorder(scene.db, scene), heard_later(asked, word))
    await intended(
        after(scene, 8), paying_out(scene, ann.person, bank, EUR("6.00"), description="Rent")
    )

    assert await lines(ann) == [
        ("-6.00000000", "EUR", "Rent"),
        ("5.00000000", "EUR", "Top-up"),
        ("-4.00000000", "EUR", "Gift"),
        ("-3.00000000", "EUR", "Dinner"),
        ("-2.00000000", "EUR", "Lunch"),
        ("-1.00000000", "EUR", "Lunch"),
    ]
    assert await lines(ben) == [
        ("4.00000000", "EUR", "Gift"),
        ("3.00000000", "EUR", "Dinner"),
        ("1.00000000", "EUR", "Lunch"),
    ]
    [*_, line] = await listed(ben)
    nothing = ("url", "description", "memo", "copyright", "language")
    assert line["id"] == sent.payment_id.hex
    assert line["invoiced"] == "0"
    assert not any(line[name] for name in nothing)


async def test_what_converts_is_in_each_ones_currency(
    scene: Scene, ann: Client, ben: Client
) -> None:
    async with scene.db.transaction() as tx:
        await fx.replace_rates(
            tx, {"MXN": EUR("20").amount}, published_on=scene.now.date(), now=scene.now
        )

    await scene.pay(scene.order(ann.person, ben.person, MXN("30.00"), source_currency="EUR"))

    assert await lines(ann) == [("-1.50000000", "EUR", "Lunch")]
    assert await lines(ben) == [("30.00000000", "MXN", "Lunch")]


async def test_pledges_are_in_the_list_until_they_come_to_nothing(
    scene: Scene, ann: Client, ben: Client
) -> None:
    kept = await pledged(scene, ann, EUR("1.00"), ben, page=PAGE)
    later = after(scene, 1)
    claimed = await pledged(later, ann, EUR("2.00"), ben, page=Page(title="Talk"))
    revoked = await pledged(later, ann, EUR("3.00"), ben)
    both = await lines(ann)

    parts = crowd.shares(EUR("2.00"), ben.person)
    await crowd.claim(scene.db, claimed, parts, now=scene.now + timedelta(seconds=9))
    async with scene.db.transaction() as tx:
        await pledges.revoke(
            tx, payer_id=ann.person.id, ids=[revoked], keyring=scene.keyring, now=scene.now,
        )  # fmt: skip

    assert len(both) == 3
    assert await lines(ann) == [
        ("-2.00000000", "EUR", "Talk"),
        ("-1.00000000", "EUR", "An article"),
    ]
    assert await lines(ben) == [("2.00000000", "EUR", "Talk")]
    assert said(await ben.get("/payments/pledged")) == []
    assert said(await ann.get("/payments/pledged", offset=0)) == [
        {
            "id": kept.hex,
            "domain": "example.org",
            "url": URL,
            "paiddatetime": scene.now.strftime("%Y-%m-%d %H:%M:%S"),
            "amount": "-1.00000000",
            "fee": "0.00000000",
            "currency_iso": "EUR",
            "title": "An article",
            "description": "All about tacos",
            "callback_url": None,
        }
    ]


async def test_what_was_paid_to_an_address_that_turned_out_to_be_ones_own_is_one_line(
    scene: Scene, ann: Client, ben: Client
) -> None:
    crowds, plain = new_email(), new_email()
    await divided(scene, ann, EUR("4.00"), ben, ("email", crowds))
    await after(scene, 1).pay(scene.order(ann.person, ("email", plain), EUR("1.00")))

    await prove(scene, ann.person, ("email", crowds), ("email", plain))

    assert [amount for amount, *_ in await lines(ann)] == ["-1.00000000", "-4.00000000"]


async def test_a_payment_that_all_came_back_of_has_come_to_nothing(
    scene: Scene, client: Client, ann: Client
) -> None:
    url = "https://example.org/came-to-nothing"
    two = await divided(
        scene, ann, EUR("4.00"), ("email", new_email()), ("email", new_email()),
        page=Page(url=url, host="example.org"),
    )  # fmt: skip
    pledge = await pledged(scene, ann, EUR("4.00"), ann, page=Page(url=url, host="example.org"))
    assert told(await ann.delete("/payments/pledged", ids=[pledge.hex]))
    numbers = [it["share_id"] for it in said(await ann.get("/payments/unclaimed_shares"))]
    seen: list[tuple[int, list[int], int]] = []

    for number in numbers:
        assert told(await ann.delete("/payments/unclaimed_shares", share_ids=[number]))
        of_host = said(await ann.get("/payments/domain", domain="example.org"))
        seen.append(
            (
                len(await listed(ann)),
                [len(it["receiver"]) for it in said(await client.get("/payments/uri", url=url))],
                sum(it["url"] == url for it in of_host),
            )
        )

    assert seen == [(1, [1], 1), (0, [], 0)]
    refused(await client.get("/payments/info", id=two.hex), 404)
    assert said(await ann.get("/payments/info", id=two.hex))["receivers"] == []


async def test_a_search_looks_at_keywords_people_and_times(
    scene: Scene, client: Client, ann: Client
) -> None:
    eve = await client.join(first_name="Eve", last_name="O'Neil%")
    profile, email = new_profile(), new_email()
    at = datetime(2026, 3, 1, 22, 30, 5, tzinfo=UTC)
    of_then = replace(scene, now=at)
    await divided(of_then, ann, EUR("1.00"), eve, profile, page=PAGE)
    await after(of_then, 60).pay(scene.order(ann.person, eve.person, EUR("2.00")))
    to_kim = scene.order(ann.person, ("email", email), EUR("3.00"), recipient_name="Kim Lee")
    await after(of_then, 120).pay(to_kim)

    async def found(of: Client, text: str) -> list[str]:
        return [it["amount"].split(".")[0] for it in await listed(of, search=text)]

    assert await found(ann, "fOO") == ["-1"]
    assert await found(ann, "0%_p") == ["-1"]
    assert await found(ann, "_%") == []
    assert await found(ann, profile[1].removeprefix("https://").upper()) == ["-1"]
    assert await found(ann, eve.username) == ["-2", "-1"]
    assert await found(ann, "eve o'neil%") == ["-2", "-1"]
    assert await found(ann, email[:-4]) == await found(ann, "kim l") == ["-3"]
    assert await found(ann, "2026-03-01 22:3") == ["-3", "-2", "-1"]
    assert await found(ann, "22:31") == ["-2"]
    assert await found(ann, "nothing") == []
    assert await found(ann, "") == ["-3", "-2", "-1"]
    # Who has received it finds its payer, and none of the others who have.
    assert await found(eve, ann.username.upper()) == ["2", "0"]
    assert await found(eve, "food") == ["0"]
    assert await found(eve, profile[1]) == await found(eve, email) == []


async def test_a_part_of_the_list_by_time_and_place(scene: Scene, ann: Client, ben: Client) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    of_then = replace(scene, now=midnight)
    for position, seconds in enumerate((-61, -1, 0, 60)):
        at = after(of_then, seconds)
        amount = EUR(f"{position + 1}.00")
        # Of what is paid at one time, both are there.
        await divided(at, ann, amount, ben, ben, roles=["Cook", "Waiter"])
        await at.pay(scene.order(ann.person, ben.person, amount))

    async def found(of: Client, **asked: Any) -> str:
        amounts = [it["amount"].lstrip("-")[0] for it in await listed(of, **asked)]
        return "".join(amounts)

    for of in (ann, ben):
        assert await found(of) == "44332211"
        assert await found(of, offset=1, limit=4) == "4332"
        assert await found(of, offset=7) == "1"
        assert await found(of, offset=8) == ""
        assert await found(of, from_date="0001-01-01", to_date="9999-12-31") == "44332211"
        assert await found(of, to_date="9999-12-31 23:59:59", limit=3) == "443"
        assert await found(of, from_date="2026-03-02") == "4433"
        assert await found(of, to_date="2026-03-01") == "2211"
        assert await found(of, to_date="2026-03-01 23:58") == "11"
        assert await found(of, to_date="2026-03-01 23:59:59") == "2211"
        assert await found(of, to_date="2026-03-01 23:59:58") == "11"
        between = {"from_date": "2026-03-01 23:59", "to_date": "2026-03-02 00:00", "limit": 3}
        assert await found(of, **between) == "332"


async def test_what_is_new_is_so_since_the_login_before_this_one(
    scene: Scene, ann: Client, ben: Client
) -> None:
    for seconds in (0, 2):
        await after(scene, seconds).pay(scene.order(ann.person, ben.person, EUR("1.00")))
    await rows(
        scene.db,
        "update users set previous_login_at = %s where id = %s returning 1",
        scene.now + timedelta(seconds=1),
        ben.person.id,
    )

    assert [it["since_last_login"] for it in await listed(ben)] == ["1", "0"]
    assert [it["since_last_login"] for it in await listed(ann)] == ["1", "1"]


async def test_bad_arguments(ann: Client) -> None:
    a_time = "must be a time in UTC, such as 2014-10-28 01:12:00."
    for asked, text in (
        ({"limit": 0}, "limit. Limit must be at least 1."),
        ({"limit": 1001}, "limit. Limit must be at most 1000."),
        ({"limit": "ten"}, "limit. Limit must be a whole number."),
        ({"offset": -1}, "offset. Offset must be a whole number."),
        ({"offset": 1_000_001}, "offset. Offset must be at most 1000000."),
        ({"from_date": "2026-02-30"}, f"from_date. From date {a_time}"),
        ({"from_date": "yesterday"}, f"from_date. From date {a_time}"),
        ({"to_date": "10000-01-01"}, f"to_date. To date {a_time}"),
        ({"to_date": "2026-02-03 25:00"}, f"to_date. To date {a_time}"),
        ({"search": "x" * 101}, "search. Search must have at most 100 characters."),
    ):
        assert refused(await ann.get("/payments", **asked)) == f"Invalid parameter: {text}"
    assert refused(await ann.get("/payments", page=2)) == "Unwanted arguments: page"
