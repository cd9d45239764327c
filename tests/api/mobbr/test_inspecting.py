"""Mobbr, Inspect payment, List payments for domain and for URL, over HTTP."""

from dataclasses import replace
from datetime import timedelta
from hashlib import md5
from typing import Any

import pytest

from tests import crowd
from tests.api.mobbr.client import Client, Json, refused, said
from tests.money import EUR, MXN, Scene, rows
from tests.people import new_email, new_phone
from tests.shares import into, make_pool, pay_shares, paying
from whipround.domain import claims, fx
from whipround.domain.crowd import pledges, unclaimed
from whipround.domain.crowd.plan import Page
from whipround.domain.payees import Address
from whipround.domain.pools import closing
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

INFO = "/payments/info"

PAGE = Page(
    url="https://example.org/articles/1",
    host="example.org",
    title="An article",
    description="All about tacos",
    image="https://example.org/tacos.png",
    language="EN",
    copyright="CC BY",
    message="Thank you",
    keywords=("food", "tacos"),
    favicon="https://example.org/favicon.ico",
)


def digest(text: str) -> str:
    """What Gravatar makes of it."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def names(people: list[Json]) -> list[str]:
    """What people are called."""
    return [it["username"] for it in people]


@pytest.fixture
async def ann(client: Client) -> Client:
    """Somebody with 100 euros."""
    return await client.join(EUR("100.00"), first_name="Ann")


@pytest.fixture
async def ben(client: Client) -> Client:
    """Somebody who has proven an email."""
    return await client.join(first_name="Ben")


async def paid(scene: Scene, payer: Client, *to: Any, amount: str = "1.00", **how: Any) -> str:
    """Have somebody pay a crowd payment; its id as this API has it."""
    people = [it.person if isinstance(it, Client) else it for it in to]
    made = await crowd.pay_crowd(scene.db, payer.person, EUR(amount), *people, now=scene.now, **how)
    return made.hex


async def test_a_payment_to_a_page_is_everybodys_to_see(
    scene: Scene, client: Client, ann: Client, ben: Client
) -> None:
    email, phone, profile = new_email(), new_phone(), crowd.new_profile()
    to = (ben, ("email", email), ("phone", phone), profile)
    roles = ["Author", "", "", "Critic"]
    id_ = await paid(scene, ann, *to, weights=[1, 1, 1, 3], roles=roles, page=PAGE)
    at = scene.now.strftime("%Y-%m-%d %H:%M:%S")
    numbers = await rows(
        scene.db,
        "select number::text from crowd_share join payment on payment.id = payment_id"
        " where crowd_id = %s order by position",
        id_,
    )
    [first, second, third, fourth] = [number for (number,) in numbers]
    # Someone whose email it is may see it.
    async with scene.db.transaction() as tx:
        await tx.execute(
            "update users set email = %s where id = %s", (email.upper(), ben.person.id)
        )
    ben_again = await ben.of(ben.person)
    hidden, number = f"{email[0]}…@example.com", f"{phone[:3]}…{phone[-2:]}"

    found = said(await client.get(INFO, id=id_.upper()))

    receivers = found.pop("receivers")
    common = {"currency_iso": "EUR", "unclaimed": None, "unclaim_id": None, "role": ""}
    sixth = {**common, "amount": "0.16666667", "share": "16.66666667"}
    assert found == {
        "id": id_,
        "uri": PAGE.url,
        "ref_uri": None,
        "img_uri": PAGE.image,
        "paiddatetime": at,
        "approveddatetime": None,
        "amount": "-1.00000000",
        "fee": None,
        "currency_iso": "EUR",
        "invoiced": "0",
        "callback_url": None,
        "callback_datetime": None,
        "title": "An article",
        "description": "All about tacos",
        "copyright": "CC BY",
        "language_iso": "EN",
        "mime_type": None,
        "memo": "Thank you",
        "domain": "example.org",
        "favicon": PAGE.favicon,
        "keywords": [
            {"keyword": "food", "language_iso": "EN"},
            {"keyword": "tacos", "language_iso": "EN"},
        ],
        "senders": [
            {
                "gravatar": digest(ann.email),
                "username": ann.username,
                "share_id": None,
                "amount": "-1.00000000",
                "currency_iso": "EUR",
                "share": "100.00000000",
                "role": "Payer",
            }
        ],
    }
    assert receivers == [
        {
            **sixth,
            "username": ben.username,
            "gravatar": digest(email),
            "share_id": first,
            "role": "Author",
        },
        {
            **sixth,
            "username": hidden,
            "gravatar": digest(email),
            "share_id": second,
            "unclaimed": f"mailto:{hidden}",
            "unclaim_id": second,
        },
        {
            **sixth,
            "username": number,
            "gravatar": digest(f"tel:{number}"),
            "share_id": third,
            "unclaimed": f"tel:{number}",
            "unclaim_id": third,
            "amount": "0.16666666",
            "share": "16.66666666",
        },
        {
            **common,
            "username": profile[1],
            "gravatar": digest(profile[1]),
            "share_id": fourth,
            "unclaimed": profile[1],
            "unclaim_id": fourth,
            "amount": "0.50000000",
            "share": "50.00000000",
            "role": "Critic",
        },
    ]
    ann_sees = said(await ann.get(INFO, id=id_))
    assert (ann_sees["amount"], ann_sees["fee"]) == ("-1.00000000", "0.00000000")
    assert said(await ben_again.get(INFO, id=id_))["receivers"][1]["username"] == email
    left_out = {"include_receivers": "false", "include_senders": 0, "include_keywords": "False"}
    bare = said(await client.get(INFO, id=id_, **left_out))
    assert (bare["receivers"], bare["senders"], bare["keywords"]) == (None, None, None)


async def test_what_was_claimed_or_returned_is_told(scene: Scene, ann: Client, ben: Client) -> None:
    email: Address = ("email", new_email())
    profile = crowd.new_profile()
    id_ = await paid(scene, ann, email, profile, page=PAGE)
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ben.person.id, addresses=[email], now=scene.now)
        [[number]] = await (
            await tx.execute(
                "select number from payment join crowd_share on payment_id = id"
                " where crowd_id = %s and recipient_status = 'pending'",
                (id_,),
            )
        ).fetchall()
        await unclaimed.revoke(
            tx,
            payer_id=ann.person.id,
            wallet_id=ann.person.wallet_id,
            numbers=[number],
            keyring=scene.keyring,
            now=scene.now,
        )

    [receiver] = said(await ann.get(INFO, id=id_))["receivers"]

    assert (receiver["username"], receiver["share"]) == (ben.username, "50.00000000")
    assert (receiver["unclaimed"], receiver["unclaim_id"]) == (None, None)


async def test_a_payment_to_no_page_is_its_parties(
    scene: Scene, client: Client, ann: Client, ben: Client
) -> None:
    eve, email = await client.join(), new_email()
    id_ = await paid(scene, ann, ben, ("email", email), page=Page(title="Rent"))
    [[share_id]] = await rows(
        scene.db, "select payment_id from crowd_share where crowd_id = %s and position = 0", id_
    )

    for nobody in (client, eve):
        refused(await nobody.get(INFO, id=id_), 404)
    for of in (client, eve, ann, ben):
        refused(await of.get(INFO, id="0" * 32), 404)
        refused(await of.get(INFO, id=share_id.hex), 404)
    assert said(await ann.get(INFO, id=id_))["amount"] == "-1.00000000"
    assert said(await ben.get(INFO, id=id_))["amount"] == "-1.00000000"
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=eve.person.id, addresses=[("email", email)], now=scene.now)
    assert names(said(await eve.get(INFO, id=id_))["receivers"]) == [ben.username, eve.username]
    refused(await client.get(INFO, id="302302b4"), 400)
    refused(await client.get(INFO))
    refused(await client.get(INFO, id=id_, include_senders="maybe"))


async def test_a_pledge_has_nobody_until_it_is_claimed(
    scene: Scene, client: Client, ann: Client, ben: Client
) -> None:
    pledge = await paid(scene, ann, ben, page=PAGE, pledge=True)
    revoked = await paid(scene, ann, ben, page=PAGE, pledge=True)
    before = said(await client.get(INFO, id=pledge))
    later = scene.now + timedelta(days=1)
    [[uuid]] = await rows(scene.db, "select id from crowd_payment where id = %s", pledge)
    await crowd.claim(scene.db, uuid, crowd.shares(EUR("1.00"), ben.person), now=later)
    async with scene.db.transaction() as tx:
        [[other]] = await (await tx.execute("select %s::uuid", (revoked,))).fetchall()
        await pledges.revoke(
            tx, payer_id=ann.person.id, ids=[other], keyring=scene.keyring, now=scene.now
        )
    after = said(await client.get(INFO, id=pledge))

    assert (before["receivers"], before["approveddatetime"]) == ([], None)
    assert names(after["receivers"]) == [ben.username]
    assert after["approveddatetime"] == later.strftime("%Y-%m-%d %H:%M:%S")
    assert after["paiddatetime"] == before["paiddatetime"]
    refused(await client.get(INFO, id=revoked), 404)
    assert said(await ann.get(INFO, id=revoked))["receivers"] == []


async def test_payments_of_other_faces(
    scene: Scene, client: Client, ann: Client, ben: Client
) -> None:
    async with scene.db.transaction() as tx:
        await fx.replace_rates(
            tx, {"MXN": EUR("20").amount}, published_on=scene.now.date(), now=scene.now
        )
    phone = new_phone()
    eve = await client.join(proven=Proven(phone=new_phone()))
    pool = await make_pool(scene, ben.person)
    converted = scene.order(ann.person, eve.person, MXN("30.00"), source_currency="EUR")
    [sent, waiting] = await scene.pay(converted, scene.order(ann.person, ("phone", phone)))
    [put] = await pay_shares(scene, paying(scene, ann.person, into(pool, "4.00")))
    async with scene.db.transaction() as tx:
        await closing.close(tx, owner_id=ben.person.id, pool_id=pool, now=scene.now)
    [[payout]] = await rows(scene.db, "select id from payment where kind = 'payout'")

    def told(found: Json) -> tuple[str, str, list[str], list[str]]:
        people = names(found["senders"]), names(found["receivers"])
        return found["amount"], found["currency_iso"], *people

    async def seen(of: Client, id_: Any) -> tuple[str, str, list[str], list[str]]:
        return told(said(await of.get(INFO, id=id_.hex)))

    masked = f"{phone[:3]}…{phone[-2:]}"
    ann_sees = await seen(ann, sent.payment_id)
    assert ann_sees == ("-1.50000000", "EUR", [ann.username], [eve.username])
    assert await seen(eve, sent.payment_id) == ("30.00000000", "MXN", *ann_sees[2:])
    assert await seen(ann, waiting.payment_id) == (
        "-6.00000000",
        "EUR",
        [ann.username],
        [masked],
    )
    assert await seen(ann, put.payment_id) == ("-4.00000000", "EUR", [ann.username], [])
    assert await seen(ben, payout) == ("4.00000000", "EUR", [], [ben.username])
    found = said(await ann.get(INFO, id=waiting.payment_id.hex))  # type: ignore[union-attr]
    [receiver] = found["receivers"]
    assert (receiver["share"], receiver["unclaimed"]) == ("100.00000000", f"tel:{masked}")
    assert (found["title"], found["uri"], found["keywords"]) == ("Lunch", None, [])
    for nobody in (client, ben):
        refused(await nobody.get(INFO, id=sent.payment_id.hex), 404)  # type: ignore[union-attr]


async def test_what_was_paid_to_a_page_and_to_a_host(
    scene: Scene, client: Client, ann: Client, ben: Client
) -> None:
    host = f"{ann.username}.example.org"
    url, port = f"https://{host}/a%7Eb?c=d", f"https://{host}:8080/"
    email = new_email()
    page = Page(url=f"https://{host}/a~b?c=d", host=host, title="A page", keywords=("x",))
    first = await paid(scene, ann, ben, ("email", email), ben, roles=["a", "b", "c"], page=page)
    other = Page(url=port, host=host)
    await paid(replace(scene, now=scene.now + timedelta(seconds=1)), ann, ben, page=other)
    third = replace(scene, now=scene.now + timedelta(seconds=2))
    pledge = await paid(third, ann, ben, page=page, pledge=True)
    sender = {"gravatar": digest(ann.email), "username": ann.username}
    line = {
        "url": page.url,
        "datetime": scene.now.strftime("%Y-%m-%d %H:%M:%S"),
        "amount": "1.00000000",
        "currency_iso": "EUR",
    }

    of_page = said(await client.get("/payments/uri", url=url.replace("https", "HTTPS")))
    of_host = said(await ann.get("/payments/domain", domain=host.upper()))

    assert of_page[1] == {
        **line,
        "id": first,
        "is_pledge": "0",
        "receiver": [
            {"gravatar": digest(ben.email), "username": ben.username},
            {"gravatar": digest(email), "username": f"{email[0]}…@example.com"},
        ],
        "senders": [sender],
    }
    assert (of_page[0]["id"], of_page[0]["is_pledge"]) == (pledge, "1")
    assert (of_page[0]["receiver"], of_page[0]["senders"]) == ([], [sender])
    assert of_host[2] == {**line, "title": "A page"}
    assert [it["url"] for it in of_host] == [page.url, port, page.url]
    assert of_host[1]["title"] is None
    assert said(await client.get("/payments/uri", url=url, offset=1)) == of_page[1:]
    assert said(await ann.get("/payments/domain", domain=f"{port}x", limit=1)) == of_host[:1]
    assert said(await client.get("/payments/uri", url="https://example.org/nothing")) == []
    refused(await client.get("/payments/domain", domain=host), 403)
    wrong = "Invalid parameter: domain. Domain must be a host, such as github.com."
    assert refused(await ann.get("/payments/domain", domain="no host")) == wrong
    wrong = "Invalid parameter: url. Url must be an http or https address."
    assert refused(await client.get("/payments/uri", url="ftp://example.org/")) == wrong
    told = "Argument [url] to method [GET /api_v1/payments/uri] missing or invalid."
    assert refused(await client.get("/payments/uri")) == told
