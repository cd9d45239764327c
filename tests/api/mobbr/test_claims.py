"""Mobbr: Claim payments, Delete pledges, Revoke unclaimed shares; over HTTP, on real pages."""

import asyncio
import html
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, refused, said, told
from tests.api.serving import mobbr
from tests.money import EUR, charge, held, nothing_moving, problems, rows
from tests.people import new_email, new_phone
from tests.website import Site, website
from whipround.db.database import Database
from whipround.domain import billing, claims, throttles
from whipround.domain.billing import BillingProfile
from whipround.domain.throttles import Limit
from whipround.domain.users.proofs import Proven
from whipround.flows import pledges
from whipround.flows.scripts.web import Web
from whipround.gateways.github.rest import GitHub
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.pages.networks import LOOPBACK
from whipround.money import Money

pytestmark = pytest.mark.anyio

CLAIM, PLEDGED, UNCLAIMED = "/payments/claim", "/payments/pledged", "/payments/unclaimed_shares"

STILL_PLEDGING = "Cannot claim this pledge because task is still in pledging mode"

_numbers = count(1)


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    """A website of tasks."""
    async with website() as site:
        site.serve("/participation.txt", status=404)
        yield site


@pytest.fixture(scope="module")
async def client(shared: Shared, site: Site) -> AsyncIterator[Client]:
    """Somebody's client of a server that may ask the website."""
    web = Web(Fetcher(allowed=LOOPBACK), GitHub(url="http://127.0.0.1:9"))
    async with mobbr(shared, web=web) as http:
        yield Client(http, shared.db, shared.keyring)


@pytest.fixture
async def ann(client: Client) -> Client:
    """Somebody with 20 euros."""
    return await client.join(EUR("20.00"), first_name="Ann")


@pytest.fixture
async def ben(client: Client) -> Client:
    """Somebody who takes part."""
    return await client.join(first_name="Ben")


class Task:
    """A page whose script pledges, and pays when it says so."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._path = f"/task/{next(_numbers)}"
        self.url = site.url(self._path)

    def says(self, script_type: str, *to: str | Client, canonical: str = "") -> None:
        """Have its script be of this type, and name these; perhaps it says that it is elsewhere."""
        ids = [it.username if isinstance(it, Client) else it for it in to]
        script = {
            "type": script_type,
            "title": "A task",
            "participants": [{"id": id_} for id_ in ids],
        }
        self.is_said(json.dumps(script), f'<link rel="canonical" href="{canonical}">')

    def is_said(self, script: str, more: str = "", status: int = 200) -> None:
        """Have this be its script."""
        meta = f'<meta name="participation" content="{html.escape(script)}">'
        self._site.serve(self._path, f"<html><head>{meta}{more}".encode(), status=status)


@pytest.fixture
def task(site: Site) -> Task:
    """A task that nobody else has pledged to."""
    return Task(site)


async def pay(payer: Client, data: object, money: Money, **given: Any) -> str:
    """Have somebody pay, or pledge, by a script; the payment."""
    wanted = {"data": data, "amount": str(money.amount), "currency": money.currency, **given}
    shown = said(await payer.post("/payments/preview", wanted))
    paid = said(await payer.put("/payments/confirm", {"hash": shown["hash"]}))
    return str(paid["payment_id"])


async def pledge(payer: Client, task: Task, money: Money, **given: Any) -> str:
    """Have somebody pledge to a task; the pledge."""
    return await pay(payer, task.url, money, **given)


async def wallets(*people: Client) -> list[Decimal]:
    """What the people have."""
    return [await held(it.db, it.person) for it in people]


async def states(db: Database, *ids: str) -> list[str]:
    """What has become of pledges."""
    found = dict(await rows(db, "select replace(id::text, '-', ''), status from crowd_payment"))
    return [found[id_] for id_ in ids]


# Claiming.


async def test_pledges_are_paid_once_the_page_says_so(
    client: Client, ann: Client, ben: Client, task: Task
) -> None:
    cat = await client.join(EUR("10.00"), first_name="Cat")
    email = new_email()
    task.says("pledge", ben)
    await charge(client.db, EUR("0.50"))
    made = [await pledge(ann, task, EUR("6.00")), await pledge(cat, task, EUR("9.00"))]
    await charge(client.db)

    async with nothing_moving(client.db):
        assert refused(await client.put(CLAIM, {"url": task.url})) == STILL_PLEDGING
    task.says("payment", ben, cat, f"mailto:{email}")
    paid = await client.put(CLAIM, {"url": task.url})
    again = await client.put(CLAIM, {"URL": task.url})

    assert (said(paid), told(paid)) == ({"claimed": 2, "left": 0}, "2 payment(s) claimed")
    assert (said(again), told(again)) == ({"claimed": 0, "left": 0}, "0 payment(s) claimed")
    # Of Ann's six euros two for each; Cat's nine are for the two others.
    assert await wallets(ann, ben, cat) == [Decimal("13.50"), Decimal("6.50"), Decimal("2.50")]
    assert await states(client.db, *made) == ["paid", "paid"]
    [[link]] = await rows(
        client.db,
        "select data->>'url' from outbox where recipient = %s and kind = 'share_waiting' limit 1",
        email,
    )
    assert "/api_v1/user/claim_link?claim_token=wml_" in link
    kim = await client.join(proven=Proven(email=email))
    assert await wallets(kim) == [Decimal("6.50")]
    assert await problems(client.db) == []


async def test_what_has_expired_waits_no_more_though_nobody_has_returned_it_yet(
    client: Client, ann: Client, ben: Client, task: Task
) -> None:
    task.says("pledge", ben)
    await pledge(ann, task, EUR("6.00"))
    await rows(
        client.db,
        "update crowd_payment set expires_at = now() where url = %s returning 1",
        task.url,
    )
    task.says("payment", ben)

    async with nothing_moving(client.db):
        assert told(await client.put(CLAIM, {"url": task.url})) == "0 payment(s) claimed"
    assert said(await ann.get("/payments/claimable", url_or_email=task.url)) == []


async def test_one_that_cannot_be_paid_stops_no_other(
    client: Client, ann: Client, ben: Client, task: Task
) -> None:
    cat = await client.join(EUR("10.00"), first_name="Cat")
    task.says("pledge", ann, ben)
    mine = await pledge(ann, task, EUR("1.00"))
    await become_complete(ben)
    invoiced = await pledge(cat, task, EUR("2.00"), invoiced=True)
    plain = await pledge(cat, task, EUR("4.00"))
    task.says("payment", ann)

    answer = await client.put(CLAIM, {"url": task.url})

    assert said(answer) == {"claimed": 1, "left": 2}
    assert told(answer) == ("1 payment(s) claimed; 2 cannot be paid by the script as it is now")
    assert json.loads(answer.text)["message"]["type"] == "warning"
    assert await states(client.db, mine, invoiced, plain) == ["pledged", "pledged", "paid"]
    task.says("payment", ann, ben)
    assert said(await client.put(CLAIM, {"url": task.url})) == {"claimed": 2, "left": 0}
    assert await wallets(ann, ben, cat) == [Decimal(23), Decimal(3), Decimal(4)]
    assert await problems(client.db) == []


async def become_complete(person: Client) -> None:
    """Have somebody be known well enough for invoices."""
    profile = BillingProfile(address="Street 1", zip="1", city="Town", country="NL")
    async with person.db.transaction() as tx:
        await billing.write(tx, user_id=person.person.id, profile=profile, now=datetime.now(UTC))


async def test_where_nobody_can_be_paid_it_is_said_why(
    client: Client, ann: Client, ben: Client, task: Task
) -> None:
    task.says("pledge", ben)
    made = await pledge(ann, task, EUR("6.00"))
    task.says("payment", ann)

    async with nothing_moving(client.db):
        text = refused(await client.put(CLAIM, {"url": task.url}))

    assert text.startswith("There is nobody who can be paid.")
    assert await states(client.db, made) == ["pledged"]


@pytest.mark.parametrize(
    "broken",
    [
        ("{}", 404, "No payment script found"),
        ("", 200, "No payment script found"),
        ("{}", 503, "The page or its payment script cannot be read right now: try again later."),
        ('{"participants": [{"id": "x", "share": 0}]}', 200, "Invalid parameter: url."),
        ('{"participants": ', 200, "Invalid parameter: url."),
        ('{"type": "payment", "participants": []}', 200, "No payment script found"),
    ],
)
async def test_a_page_that_is_gone_or_broken_moves_nothing(
    client: Client, ann: Client, ben: Client, task: Task, broken: tuple[str, int, str]
) -> None:
    script, status, text = broken
    task.says("pledge", ben)
    made = await pledge(ann, task, EUR("6.00"))
    task.is_said(script, status=status)

    async with nothing_moving(client.db):
        assert refused(await client.put(CLAIM, {"url": task.url})).startswith(text)

    assert await states(client.db, made) == ["pledged"]
    task.says("payment", ben)
    assert said(await client.put(CLAIM, {"url": task.url})) == {"claimed": 1, "left": 0}


async def test_a_page_is_found_by_all_that_it_is_called(
    client: Client, ann: Client, ben: Client, site: Site, task: Task
) -> None:
    task.says("pledge", ben)
    script = {
        "url": site.url("/moved/"),
        "type": "pledge",
        "participants": [{"id": ben.username}],
    }
    made = [await pay(ann, script, EUR("1.00")), await pledge(ann, task, EUR("2.00"))]
    site.serve("/moved", status=301, headers={"Location": task.url})
    site.serve("/moved/", status=301, headers={"Location": task.url})
    task.says("payment", ben)

    assert said(await client.put(CLAIM, {"url": site.url("/moved/")})) == {"claimed": 2, "left": 0}
    assert await states(client.db, *made) == ["paid", "paid"]


async def test_a_page_that_calls_itself_another_does_not_get_what_was_pledged_to_that(
    client: Client, ann: Client, ben: Client, site: Site
) -> None:
    cat = await client.join()
    task, copy = Task(site), Task(site)
    task.says("pledge", ben)
    made = await pledge(ann, task, EUR("6.00"))
    copy.says("payment", cat, canonical=task.url)

    async with nothing_moving(client.db):
        assert refused(await client.put(CLAIM, {"url": copy.url})) == STILL_PLEDGING
    task.says("payment", ben)
    assert said(await client.put(CLAIM, {"url": copy.url})) == {"claimed": 1, "left": 0}

    assert await states(client.db, made) == ["paid"]
    assert await wallets(ben, cat) == [Decimal(6), Decimal(0)]


async def test_nor_does_one_by_way_of_a_third(
    client: Client, ann: Client, ben: Client, site: Site
) -> None:
    cat = await client.join()
    home, task, copy = Task(site), Task(site), Task(site)
    task.says("pledge", ben)
    made = await pledge(ann, task, EUR("6.00"))
    copy.says("payment", cat, canonical=task.url)
    task.says("payment", cat, canonical=home.url)
    home.says("pledge", ben)

    async with nothing_moving(client.db):
        assert refused(await client.put(CLAIM, {"url": copy.url})) == STILL_PLEDGING
    home.says("payment", ben)
    assert said(await client.put(CLAIM, {"url": copy.url})) == {"claimed": 1, "left": 0}

    assert await states(client.db, made) == ["paid"]
    assert await wallets(ben, cat) == [Decimal(6), Decimal(0)]


async def test_claims_and_revocations_at_once_move_each_pledge_once(
    client: Client, ann: Client, ben: Client, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pledges, "CLAIMED_AT_ONCE", 2)
    cat = await client.join(EUR("12.00"))
    task.says("pledge", ben)
    made = [await pledge(cat, task, EUR("1.00")) for _ in range(6)]
    task.says("payment", ben)

    answers = await asyncio.gather(
        *(client.put(CLAIM, {"url": task.url}) for _ in range(3)),
        cat.delete(PLEDGED, ids=made[2:4]),
        ann.delete(PLEDGED, ids=made),
    )

    paid = sum(said(it)["claimed"] for it in answers[:3])
    revoked = (await states(client.db, *made)).count("revoked")
    assert told(answers[3]) == f"{revoked} payments(s) revoked"
    assert told(answers[4]) == "0 payments(s) revoked"
    assert paid + revoked == 6
    assert await wallets(ben, cat) == [Decimal(paid), Decimal(12 - paid)]
    assert await problems(client.db) == []


async def test_a_claim_is_answered_once_for_its_key(
    client: Client, ann: Client, ben: Client, task: Task
) -> None:
    task.says("pledge", ben)
    await pledge(ann, task, EUR("6.00"))
    task.says("payment", ben)
    key = f"claim-{next(_numbers)}"

    first = await client.put(CLAIM, {"url": task.url}, key=key)
    second = await client.put(CLAIM, {"url": task.url}, key=key)
    other = await client.put(CLAIM, {"url": task.url + "x"}, key=key)

    assert (said(first)["claimed"], second.content) == (1, first.content)
    assert "already used" in refused(other)


async def test_what_waits_for_a_person_is_claimed_by_whoever_has_proven_to_be_it(
    client: Client, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, phone = new_email(), new_phone()
    profile = "https://github.com/Octocat-of-Tests"
    for data in (f"mailto:{email}", f"mailto:{email}", f"tel:{phone}", profile):
        await pay(ann, data, EUR("1.00"))
    monkeypatch.setattr(claims, "CLAIMED_AT_ONCE", 1)
    kim = await client.join(proven=Proven(email=email))

    async with nothing_moving(client.db):
        for caller in (client, ann):
            for url, how in (
                (email, "the link in a mail to it"),
                (f"tel:{phone}", "the code in a message to it"),
                (profile, "log in, and then there"),
            ):
                text = refused(await caller.put(CLAIM, {"url": url}))
                assert "yours to receive what waits for it" in text
                assert how in text
    answers = [await kim.put(CLAIM, {"url": url}) for url in (email, f"mailto:{email.upper()}")]

    assert [told(it) for it in answers] == ["1 payment(s) claimed", "0 payment(s) claimed"]
    assert await wallets(kim) == [Decimal(2)]
    assert await problems(client.db) == []


@pytest.mark.parametrize(
    "url",
    [
        "not an address",
        "ftp://example.org/",
        "Patrick",
        "bitcoin:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    ],
)
async def test_nothing_is_claimed_of_what_is_no_address(client: Client, url: str) -> None:
    assert refused(await client.put(CLAIM, {"url": url})).startswith("Invalid parameter: url.")


async def test_claims_are_limited(
    client: Client, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles, "CLAIMS_PER_ADDRESS", Limit("claim_here", 1, timedelta(hours=1)))
    async with mobbr(shared, sandbox=False) as http:
        guarded = Client(http, shared.db, shared.keyring)
        statuses = [
            (await guarded.put(CLAIM, {"url": "https://example.invalid/"})).status_code
            for _ in range(2)
        ]

    assert statuses == [400, 429]


# Revoking pledges.


@pytest.mark.parametrize("path", [PLEDGED, UNCLAIMED])
async def test_a_payer_revokes_pledges(
    client: Client, ann: Client, ben: Client, task: Task, path: str
) -> None:
    task.says("pledge", ben)
    made = [await pledge(ann, task, EUR("6.00")) for _ in range(2)]
    key = f"revoke-{next(_numbers)}"

    foreign = await ben.delete(path, ids=made)
    answers = [
        await ann.call("DELETE", path, params={"ids": [*made, made[0], "0" * 32]}, key=key)
        for _ in range(2)
    ]

    assert told(foreign) == "0 payments(s) revoked"
    assert said(answers[0]) == []
    assert told(answers[0]) == "2 payments(s) revoked"
    assert answers[1].content == answers[0].content
    assert await wallets(ann, ben) == [Decimal(20), Decimal(0)]
    assert [
        message
        for (message,) in await rows(
            client.db, "select kind from outbox where recipient = %s", ben.email
        )
    ] == ["pledge_revoked"] * 2
    task.says("payment", ben)
    assert said(await client.put(CLAIM, {"url": task.url}))["claimed"] == 0
    assert await problems(client.db) == []


# Revoking shares.


async def waiting(db: Database, payer: Client) -> list[str]:
    """The share ids of what waits of somebody's payments."""
    found = await rows(
        db,
        "select number::text from payment where owner_id = %s and status = 'open' order by number",
        payer.person.id,
    )
    return [number for (number,) in found]


async def test_a_payer_revokes_unclaimed_shares(client: Client, ann: Client, ben: Client) -> None:
    emails = [new_email() for _ in range(3)]
    script = {"participants": [{"id": id_} for id_ in [ben.username, *emails]]}
    await pay(ann, script, EUR("8.00"))
    shares = await waiting(client.db, ann)

    foreign = await ben.delete(UNCLAIMED, share_ids=shares)
    printed = await ann.delete(UNCLAIMED, share_ids=["345345345", "3454564"])
    kim = await client.join(proven=Proven(email=emails[0]))
    revoked = await ann.delete(UNCLAIMED, **{"share_ids[]": [*shares[:2], shares[1]]})

    assert [told(it) for it in (foreign, printed, revoked)] == [
        "0 share(s) revoked",
        "0 share(s) revoked",
        "1 share(s) revoked",
    ]
    assert said(revoked) == []
    assert await waiting(client.db, ann) == shares[2:]
    assert await wallets(ann, ben, kim) == [Decimal(14), Decimal(2), Decimal(2)]
    assert await problems(client.db) == []


@pytest.mark.parametrize(
    ("path", "params", "text"),
    [
        (UNCLAIMED, {}, f"Argument [share_ids] to method [DELETE /api_v1{UNCLAIMED}]"),
        (PLEDGED, {}, f"Argument [ids] to method [DELETE /api_v1{PLEDGED}]"),
        (UNCLAIMED, {"share_ids": "1", "ids": "0" * 32}, "Invalid parameter: ids."),
        (UNCLAIMED, {"share_ids": "one"}, "Invalid parameter: share_ids."),
        (UNCLAIMED, {"share_ids": ["1"] * 1001}, "Invalid parameter: share_ids."),
        (PLEDGED, {"ids": "0" * 31}, "Invalid parameter: ids."),
    ],
)
async def test_what_is_to_be_revoked_has_to_be_said(
    ann: Client, path: str, params: dict[str, str | Sequence[str]], text: str
) -> None:
    assert refused(await ann.delete(path, **params)).startswith(text)
