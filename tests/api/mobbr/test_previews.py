"""Mobbr, Create payment, over HTTP: whatever can be paid, and what it would come to."""

import asyncio
import json
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, Json, refused, said
from tests.api.serving import mobbr
from tests.gateways.github.api_server import contributor
from tests.money import EUR, nothing_changing, rows
from tests.outside import Outside
from tests.people import new_email, new_phone
from whipround.domain import relationships, throttles

pytestmark = pytest.mark.anyio

PEOPLE = "https://pictures.test/#/person/"
NOT_UNDERSTOOD = "Input is not an username, an email address, an URL or a valid script"

BOOKKEEPING: Json = {
    ".script-type": [],
    ".amount": None,
    ".fee": None,
    ".currency": None,
    ".invoiced": False,
    ".referrer": None,
    ".favicon": None,
    ".logo": None,
}


@pytest.fixture(scope="module")
async def ann(web_client: Client) -> Client:
    """Somebody who pays."""
    return await web_client.join(EUR("500.00"), first_name="Ann", username="ann")


@pytest.fixture(scope="module")
async def ben(web_client: Client) -> Client:
    """Somebody who is paid."""
    return await web_client.join(first_name="Ben", username="Ben")


async def shown(client: Client, data: object, **given: Any) -> Json:
    """What somebody is shown."""
    result: Json = said(await client.post("/payments/preview", {"data": data, **given}))
    return result


async def refusal(client: Client, data: object, status: int = 400, **given: Any) -> str:
    """Why nothing can be shown."""
    answer = await client.post("/payments/preview", {"data": data, **given})
    return refused(answer, status)


async def warning(client: Client, data: object, **given: Any) -> str:
    """What somebody is warned of."""
    answer = await client.post("/payments/preview", {"data": data, **given})
    said(answer)
    message = answer.json()["message"]
    assert message["type"] == "warning"
    return str(message["text"])


def ids(result: Json) -> list[str]:
    """The ids of who is paid."""
    return [each["id"] for each in result["script"]["participants"]]


# Of a single recipient.


async def test_a_user(ann: Client, ben: Client) -> None:
    result = await shown(ann, "bEN", amount=10, currency="EUR")

    [paid] = result["script"].pop("participants")
    gravatar = paid.pop(".gravatar")
    assert len(result.pop("hash")) == len(gravatar) == 32
    assert paid == {
        "id": f"{PEOPLE}ben",
        "share": 1,
        "role": "",
        ".x-id": "Ben",
        ".amount": "10",
        ".percentage": "100",
        ".derivation": {"by": "parts", "share": "1", "of": "1", "percent": "100", "remainder": "0"},
    }
    assert result == {
        "script": {
            "id-base": PEOPLE,
            "type": "pay",
            "title": f"Payment to '{PEOPLE}ben'",
            ".amount": 10,
            ".fee": 0,
            ".currency": "EUR",
            ".invoiced": False,
            ".referrer": None,
        },
        "url": None,
    }


@pytest.mark.parametrize(
    ("data", "id_"),
    [
        ("Ben", f"{PEOPLE}ben"),
        (f"{PEOPLE}Ben", f"{PEOPLE}ben"),
        ("https://mobbr.com/#/person/ben", f"{PEOPLE}ben"),
        ("ME@mail.com", "mailto:me@mail.com"),
        ("mailto:me@mail.com", "mailto:me@mail.com"),
        ("tel:+31 6 12345678", "tel:+31612345678"),
        ("https://www.GitHub.com/PatrickSavalle/", "https://github.com/patricksavalle"),
        ("https://x.com/Jack", "https://twitter.com/jack"),
        ({"url": "https://github.com/octocat"}, "https://github.com/octocat"),
    ],
)
async def test_whoever_can_be_paid(web_client: Client, ben: Client, data: object, id_: str) -> None:
    result = await shown(web_client, data)

    assert ids(result) == [id_]
    assert result["script"]["title"] == f"Payment to '{id_}'"
    assert result["hash"] is None


async def test_whose_an_address_is_is_told_to_those_who_say_who_they_are(
    web_client: Client, ann: Client, ben: Client
) -> None:
    [open_] = (await shown(web_client, ben.email))["script"]["participants"]
    [known] = (await shown(ann, ben.email))["script"]["participants"]
    [nobody] = (await shown(ann, new_email()))["script"]["participants"]
    [named] = (await shown(web_client, "ben"))["script"]["participants"]

    assert known[".x-id"] == named[".x-id"] == "Ben"
    assert open_[".x-id"] == open_[".gravatar"]
    assert nobody[".x-id"] == nobody[".gravatar"]


@pytest.mark.parametrize(
    "data", ["nobody", "two words", "[]", "mailto:me", "ftp://a.b/", True, 5, []]
)
async def test_what_is_not_understood(web_client: Client, data: object) -> None:
    assert await refusal(web_client, data) == NOT_UNDERSTOOD


async def test_what_can_never_be_paid(ann: Client) -> None:
    assert "Nothing can be paid to 1BvB" in await refusal(
        ann, "bitcoin:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
    )
    assert await refusal(ann, "ann") == (
        "There is nobody who can be paid. You cannot pay yourself: ann."
    )


# Of pages, and of GitHub.


async def test_a_github_repository(web_client: Client, outside: Outside) -> None:
    outside.github.has_repository(
        "identifi/identifi",
        [contributor("mmalmi", 24), contributor("rippler", 11)],
        topics=["bitcoin"],
    )
    url = "https://github.com/identifi/identifi"

    result = await shown(web_client, url)

    first, _ = result["script"].pop("participants")
    gravatar = first.pop(".gravatar")
    assert first == {
        "id": "https://github.com/mmalmi",
        "role": "Contributor",
        "share": 24,
        ".x-id": gravatar,
        ".percentage": "68.57142857",
        ".derivation": {"by": "parts", "share": "24", "of": "35", "percent": "100"},
    }
    assert result == {
        "hash": None,
        "script": {
            "image": "https://avatars.githubusercontent.com/identifi",
            "url": url,
            "language": "EN",
            "title": "Github repository identifi/identifi",
            "description": "This your first repo!",
            "keywords": ["bitcoin"],
            "type": "donation",
            **BOOKKEEPING,
            ".script-type": ["api"],
            ".favicon": "https://github.com/favicon.ico",
            ".logo": "https://github.com/apple-touch-icon.png",
        },
        "url": url,
    }


async def test_a_page_and_its_domain(ann: Client, ben: Client, outside: Outside) -> None:
    owner = {"id": "mailto:owner@site.test", "role": "Platform", "share": "10%"}
    outside.domain(("/pages/*", {"participants": [owner], "message": "Thanks"}))
    page = {"participants": [{"id": "ben", "share": "2"}, {"id": f"mailto:{new_email()}"}]}
    url = outside.page(page, head="<title>A page</title>")

    result = await shown(ann, url, amount="0.10", currency="EUR", referrer="HTTP://a.test")
    outside.no_domain()

    script = result["script"]
    assert [(each[".amount"], each[".percentage"]) for each in script["participants"]] == [
        ("0.01", "10"),
        ("0.06", "60"),
        ("0.03", "30"),
    ]
    assert script["participants"][1][".derivation"] == {
        "by": "parts",
        "share": "2",
        "of": "3",
        "percent": "90",
        "remainder": "0",
    }
    assert (script["title"], script["message"], script[".referrer"]) == (
        "A page",
        "Thanks",
        "http://a.test/",
    )
    assert script[".script-type"] == ["domain", "meta"]
    assert result["url"] == script["url"] == url


async def test_a_script_of_ones_own_for_a_page(ann: Client, ben: Client, outside: Outside) -> None:
    url = outside.page({"participants": [{"id": "ben"}], "title": "Theirs"})

    result = await shown(ann, {"url": url, "message": "Well done", "title": "Mine"})
    pledge = await shown(ann, {"url": url, "type": "pledge", "participants": [{"id": "ben"}]})

    assert (ids(result), result["url"]) == ([f"{PEOPLE}ben"], url)
    assert result["script"]["title"] == "Theirs"
    assert result["script"]["message"] == "Well done"
    assert (pledge["script"]["type"], pledge["url"]) == ("pledge", url)


async def test_a_pledge_that_nobody_can_claim_is_warned_of(ann: Client, ben: Client) -> None:
    script = {"type": "pledge", "participants": [{"id": "ben"}, {"id": "bitcoin:" + "1" * 30}]}

    answer = await ann.post("/payments/preview", {"data": script})

    assert said(answer)["script"]["type"] == "pledge"
    assert answer.json()["message"] == {
        "text": f"Nothing can be paid to {'1' * 30}."
        " Nobody can claim a pledge without an URL: it can only be revoked.",
        "type": "warning",
    }


async def test_a_page_that_has_no_script(web_client: Client, outside: Outside) -> None:
    assert await refusal(web_client, outside.page()) == "No payment script found"
    assert await refusal(web_client, outside.site.serve("/broken", status=500)) == (
        "The page or its payment script cannot be read right now: try again later."
    )


async def test_a_platform_is_not_left_out_because_it_cannot_be_asked(
    ann: Client, ben: Client, outside: Outside
) -> None:
    outside.site.serve("/participation.txt", status=503)
    url = outside.page({"participants": [{"id": "ben"}]})

    told = await refusal(ann, url, amount=1, currency="EUR")
    outside.no_domain()

    assert "try again later" in told


async def test_a_script_of_a_page_that_is_wrong(web_client: Client, outside: Outside) -> None:
    url = outside.page({"participants": [{"id": "ben", "share": -1}], "url": "https://a.test/"})

    assert await refusal(web_client, url) == (
        "Invalid parameter: data. script.participants[0].share must be greater than 0."
        " Invalid parameter: data. script.url is not for the script of a page or a domain to say."
    )


async def test_a_circle_of_links(web_client: Client, outside: Outside) -> None:
    circle = outside.site.serve("/circle", status=302, headers={"Location": "/circle"})

    assert await refusal(web_client, circle) == "No payment script found"


async def test_github_may_be_out_of_reach(ann: Client, client: Client) -> None:
    told = await refusal(await client.of(ann.person), "https://github.com/a/b", 503)

    assert told == "GitHub cannot be asked right now: try again later."


async def test_nothing_of_this_machine_is_asked_for(client: Client, outside: Outside) -> None:
    url = outside.page({"participants": [{"id": "mailto:a@b.test"}]})
    seen = len(outside.site.seen)

    assert await refusal(client, url) == "No payment script found"
    assert len(outside.site.seen) == seen


# Scripts that are sent.


async def test_the_plain_form(ann: Client, ben: Client) -> None:
    script = {
        "url": "https://a.test/",
        "language": "EN",
        "title": "Any title",
        "description": "Any description",
        "participants": [
            {"id": "mailto:octocat@github.com", "role": "Platform-owner", "share": "1%"},
            {"id": "https://github.com/rippler", "role": "Contributor", "share": 24},
            {"id": "Ben", "role": "Contributor", "share": 11, ".amount": "5", "comment": "Hi"},
        ],
        "keywords": ["keyword"],
        "message": "Text",
    }

    for data in (script, json.dumps(script)):
        result = await shown(ann, data, annotated=False, amount=1, currency="EUR")

        assert len(result["hash"]) == 32
        assert result["script"] == {
            **script,
            "type": "payment",
            "participants": [
                *script["participants"][:2],
                {**_plain(script["participants"][2]), "id": f"{PEOPLE}ben"},
            ],
        }


async def test_a_currency_without_an_amount(ann: Client, ben: Client) -> None:
    result = await shown(ann, "ben", currency="GBP")

    assert result["hash"] is None
    assert (result["script"][".amount"], result["script"][".currency"]) == (None, "GBP")


def _plain(participant: Any) -> Json:
    return {name: value for name, value in participant.items() if name[0] != "."}


async def test_what_is_shown_can_be_sent_again(ann: Client, ben: Client) -> None:
    data = {"participants": [{"id": "ben", "share": "10%"}, {"id": "mailto:a@b.test"}]}
    first = await shown(ann, data, amount="9.99", currency="EUR")

    again = await shown(
        ann, json.dumps(first["script"], default=float), amount="9.99", currency="EUR"
    )

    assert again["script"] == first["script"]
    assert again["hash"] != first["hash"]


async def test_who_cannot_be_paid_is_named(ann: Client, ben: Client) -> None:
    ill = await ann.join(username="ill")
    async with ann.db.transaction() as tx:
        now = ann.person.user.created_at
        await relationships.block(tx, user_id=ill.person.id, other_user_id=ann.person.id, now=now)
    others = ["ann", "nobody", "ill", "https://a.test/page", "bitcoin:" + "1" * 30]
    data = {"participants": [{"id": each} for each in ["ben", *others]]}

    told = await warning(ann, data, amount=3, currency="EUR")
    result = await shown(ann, data, amount=3, currency="EUR")

    assert told == (
        "Nobody here can be paid as nobody. Nothing can be paid to https://a.test/page,"
        f" {'1' * 30}. You cannot pay yourself: ann. You and ill cannot pay each other."
    )
    [paid] = result["script"]["participants"]
    assert (paid["id"], paid[".amount"]) == (f"{PEOPLE}ben", "3")
    spanish = await ann.reading("es").post("/payments/preview", {"data": data})
    assert spanish.json()["message"]["text"] != told


async def test_only_complete_profiles_by_invoice(ann: Client, ben: Client) -> None:
    data = {"participants": [{"id": "ben"}, {"id": "mailto:a@b.test"}]}

    told = await refusal(ann, data, invoiced=True)

    assert "Not known well enough for an invoice: ben, a@b.test." in told
    eve = await ann.join(username="eve", first_name="Eve", last_name="Doe")
    await rows(
        ann.db,
        "insert into billing_profile (user_id, address, country, updated_at)"
        " values (%s, 'Lane 1', 'NL', now()) returning 1",
        eve.person.id,
    )
    data["participants"].append({"id": "eve"})
    result = await shown(ann, data, invoiced="1", amount=1, currency="EUR")
    assert (ids(result), result["script"][".invoiced"]) == ([f"{PEOPLE}eve"], True)


WRONG_SCRIPTS: list[tuple[object, str]] = [
    ({}, "participants must not be empty"),
    ({"participants": []}, "participants must not be empty"),
    ("{", "script is not valid JSON"),
    ({"participants": {}}, "participants must be a list"),
    ({"participants": [{"id": "ben"}, {"id": "BEN"}]}, "participants[1].id is there already"),
    ({"participants": [{"id": "ben", "share": 0}]}, "participants[0].share must be greater than 0"),
    ({"participants": [{"id": "ben", "share": -5}]}, "participants[0].share must be greater"),
    ({"participants": [{"id": "ben", "share": 1.5}]}, "participants[0].share must be a whole"),
    ({"participants": [{"id": "ben", "share": "101%"}]}, "participants[0].share must be at most"),
    (
        {"participants": [{"id": "ben", "share": "60%"}, {"id": "eve", "share": "60%"}]},
        "participants have shares of 120% in all: more than 100%",
    ),
    ({"participants": [{"id": "ben", "share": "60%"}]}, "the rest is nobody's"),
    ({"participants": [{"id": "two words"}]}, "participants[0].id must be a username"),
    ({"participants": [{}]}, "participants[0].id is required"),
    ({"participants": [{"id": "ben"}], "type": "loan"}, "type must be one of"),
    ({"url": "javascript:alert(1)"}, "url must be an http or https address"),
    ({"participants": [{"id": f"n{at}"} for at in range(1001)]}, "at most 1000 items"),
]


@pytest.mark.parametrize(("data", "expected"), WRONG_SCRIPTS)
async def test_scripts_that_are_wrong(ann: Client, data: object, expected: str) -> None:
    async with nothing_changing(ann.db):
        told = await refusal(ann, data, amount=1, currency="EUR")

    assert told.startswith("Invalid parameter: data. ")
    assert expected in told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"amount": 1}, "Invalid parameter: amount. Amount must come with a currency."),
        ({"amount": 0, "currency": "EUR"}, "Invalid parameter: amount. "),
        ({"amount": -1, "currency": "EUR"}, "Invalid parameter: amount. "),
        ({"amount": "NaN", "currency": "EUR"}, "Invalid parameter: amount. "),
        ({"amount": "1e3", "currency": "EUR"}, "Invalid parameter: amount. "),
        ({"amount": 10**13, "currency": "EUR"}, "Invalid parameter: amount. "),
        ({"amount": "0.001", "currency": "EUR"}, "Invalid parameter: amount. "),
        ({"amount": "0.01", "currency": "EUR", "data": {
            "participants": [{"id": "ben", "share": 10**9}, {"id": "mailto:a@b.test"}],
        }}, "Invalid parameter: amount. Amount is too small to be divided"),
        ({"currency": "JPY"}, "Invalid parameter: currency. "),
        ({"currency": "XXX"}, "Invalid parameter: currency. "),
        ({"currency": "eur"}, "Invalid parameter: currency. "),
        ({"invoiced": "yes"}, "Invalid parameter: invoiced. "),
        ({"annotated": 2}, "Invalid parameter: annotated. "),
        ({"referrer": "me"}, "Invalid parameter: referrer. "),
        ({"data": None}, "Argument [data] to method [POST /api_v1/payments/preview] missing"),
        ({"amuont": 1}, "Unwanted arguments: amuont"),
    ],
)  # fmt: skip
async def test_arguments_that_are_wrong(
    ann: Client, ben: Client, given: Json, expected: str
) -> None:
    async with nothing_changing(ann.db):
        told = await refusal(ann, **{"data": "ben", **given})

    assert told.startswith(expected)


async def test_in_other_formats(ann: Client, ben: Client) -> None:
    script = {"participants": [{"id": "ben"}]}
    form = {"data": json.dumps(script), "amount": "1.50", "currency": "EUR", "annotated": "0"}
    xml = (
        b"<request><data><participants><item><id>ben</id></item></participants></data>"
        b"<amount>1.50</amount><currency>EUR</currency></request>"
    )

    by_form = await ann.call("POST", "/payments/preview", data=form)
    by_xml = await ann.post("/payments/preview", xml, headers={"Content-Type": "application/xml"})

    assert ids(said(by_form)) == ids(said(by_xml)) == [f"{PEOPLE}ben"]


# Much of it.


async def test_a_script_of_a_thousand(ann: Client) -> None:
    data = {"participants": [{"id": f"mailto:p{at}@many.test"} for at in range(999)]}
    data["participants"].append({"id": "nobody"})
    began = time.process_time()

    result = await shown(ann, json.dumps(data), amount="0.50", currency="EUR")

    paid = result["script"]["participants"]
    assert time.process_time() - began < 2
    assert len(paid) == 999
    assert sum(Decimal(each[".amount"]) for each in paid) == Decimal("0.50")
    assert sum(Decimal(each[".percentage"]) for each in paid) == 100


async def test_a_megabyte_of_script_keeps_nobody_waiting(ann: Client, outside: Outside) -> None:
    filled = {"comment": "x" * 1_000}
    script = json.dumps({"participants": [{"id": f"n{at}", **filled} for at in range(900)]})
    assert 900_000 < len(script) < 1024 * 1024
    link = outside.site.serve("/long", script.encode(), content_type="application/json")
    url = outside.page(head=f'<link rel="participation" href="{link}">')
    longest = 0.0

    async def others() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - began)

    beside = asyncio.create_task(others())
    told = [await refusal(ann, script), await refusal(ann, url)]
    beside.cancel()

    assert all("Nobody here can be paid as n0, n1" in each for each in told)
    assert longest < 0.2
    refused(await ann.post("/payments/preview", {"data": "x" * 1024 * 1024}), 413)


shares = st.integers(1, 10**9) | st.decimals("0.00000001", 9, places=8).map(lambda it: f"{it:f}%")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(shares, min_size=0, max_size=10), st.decimals("0.01", 10**6, places=2))
async def test_what_is_shown_sums_to_the_amount(
    ann: Client, said_: list[int | str], amount: Decimal
) -> None:
    people = [{"id": f"mailto:p{at}@sum.test", "share": it} for at, it in enumerate([*said_, 7])]
    body = {"data": {"participants": people}, "amount": f"{amount:f}", "currency": "EUR"}

    answer = await ann.post("/payments/preview", body)

    if answer.status_code == 400:
        assert "too small" in refused(answer)
        return
    paid = said(answer)["script"]["participants"]
    assert sum(Decimal(each[".amount"]) for each in paid) == amount
    assert sum(Decimal(each[".percentage"]) for each in paid) == 100
    for each in paid:
        basis = {
            name: Decimal(value) for name, value in each[".derivation"].items() if name != "by"
        }
        exact = amount * basis["percent"] / 100 * basis["share"] / basis["of"]
        assert 0 <= Decimal(each[".amount"]) - basis["remainder"] <= exact + Decimal("1e-20")


# Limits.


async def test_previews_are_limited(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    few = throttles.Limit("few_address", 2, throttles.PREVIEWS_PER_ADDRESS.window)
    monkeypatch.setattr(throttles, "PREVIEWS_PER_ADDRESS", few)
    own = throttles.Limit("few_user", 3, throttles.PREVIEWS_PER_USER.window)
    monkeypatch.setattr(throttles, "PREVIEWS_PER_USER", own)

    async with mobbr(shared, sandbox=False) as http:
        client = Client(http, shared.db, shared.keyring)
        ann = await client.join()
        phone = f"tel:{new_phone()}"
        for _ in range(2):
            await shown(client, phone)
        await refusal(client, phone, 429)
        for _ in range(3):
            await shown(ann, phone)
        await refusal(ann, phone, 429)


async def test_nobody_looks_up_whose_addresses_are_without_end(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EMAILS_SHOWN_PER_ADDRESS", "EMAILS_SHOWN_PER_USER"):
        few = replace(getattr(throttles, name), kind=f"few_{name}", count=5)
        monkeypatch.setattr(throttles, name, few)

    async with mobbr(shared, sandbox=False) as http:
        client = Client(http, shared.db, shared.keyring)
        ann, ben = await client.join(), await client.join()
        for who in (client, ann):
            for count, status in ((3, 201), (2, 201), (1, 429)):
                ids = [{"id": new_email()} for _ in range(count)]
                answer = await who.post("/payments/preview", {"data": {"participants": ids}})
                assert answer.status_code == status
            await shown(who, ben.username)  # names are everybody's to see
