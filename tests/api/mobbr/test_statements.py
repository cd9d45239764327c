"""What the document says in words holds: line by line, read from the document itself."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeAlias

import pytest

from tests.api.conftest import Shared
from tests.api.mobbr.client import ROOT, Client, Json, refused, said, told
from tests.api.mobbr.documents import SPEC, Argument, Statement, examples, scripts, taken
from tests.api.mobbr.documents import said as said_in
from tests.api.mobbr.good import GOOD, Place
from tests.api.mobbr.printed.stage import PASSWORD, Stage, paid, shown
from tests.api.serving import mobbr
from tests.gateways.github.api_server import contributor
from tests.mails import last_token, mailed
from tests.money import EUR, nothing_moving, problems, rows
from tests.outside import Outside
from tests.people import new_email
from whipround.api.mobbr.arguments import IN_QUERY
from whipround.domain import credentials

pytestmark = pytest.mark.anyio

CLAIM, CLAIMABLE, INFO = "/payments/claim", "/payments/claimable", "/payments/info"
PLEDGED, UNCLAIMED, URI = "/payments/pledged", "/payments/unclaimed_shares", "/payments/uri"


@pytest.fixture(scope="module")
async def stage(shared: Shared, outside: Outside) -> AsyncIterator[Stage]:
    async with mobbr(shared, web=outside.web) as http:
        client = Client(http, shared.db, shared.keyring)
        digest = await credentials.hash_password(PASSWORD)
        # Whom the script pays that is printed cannot be who pays.
        await client.join(username="Patrick", password_hash=digest)
        payer = await client.join(EUR("2000.00"), username="Payer", first_name="Ann")
        yield Stage(client, outside, payer, await client.join(username="Ernesto"))
    assert await problems(shared.db) == []


Holds: TypeAlias = Callable[[Stage], Awaitable[None]]
HOLDS: dict[str, Holds] = {}
"""What sees that a line holds, by the line."""


def holds(*lines: str) -> Callable[[Holds], Holds]:
    """Have this see to these lines."""

    def add(check: Holds) -> Holds:
        HOLDS.update(dict.fromkeys(lines, check))
        return check

    return add


def test_every_line_is_seen_to() -> None:
    assert sorted(it.text for it in said_in()) == sorted(HOLDS)
    assert {it.meaning for call in taken() for it in call.arguments} == {"", *MEANINGS}


@pytest.mark.parametrize("line", said_in(), ids=str)
async def test_a_line_holds(stage: Stage, line: Statement) -> None:
    await HOLDS[line.text](stage)


# What people do.


async def register(stage: Stage, email: str) -> Client:
    """Somebody who signs up with an email, and follows the link that is mailed to it."""
    name = f"new{email.partition('@')[0]}"
    new = {"username": name, "email": email, "password": PASSWORD}
    said(await stage.client.put("/user/register_user_send_login_link", new))
    token = await last_token(stage.client.db, email, "login_link")
    me = said(await stage.client.put("/user/link_login", {"login_token": token}))
    return stage.client.bearing(me["token"])


async def balance(who: Client) -> Decimal:
    """What somebody has by what their client says."""
    [euros] = [
        it for it in said(await who.get("/balances"))["balances"] if it["currency_iso"] == "EUR"
    ]
    return Decimal(euros["amount"])


def task(stage: Stage, *ids: str, type_: str = "pledge", path: str | None = None) -> str:
    """The address of a page whose script pays these alike, or has it pledged to them."""
    people = [{"id": id_} for id_ in ids]
    script = {"type": type_, "title": "A task", "participants": people}
    return stage.outside.page(script, path=path or stage.outside.new_path())


def path_of(stage: Stage, url: str) -> str:
    """The path of a page on the website."""
    return url.removeprefix(stage.outside.site.url(""))


async def listed(who: Client, path: str, **given: Any) -> list[Json]:
    """What is in a list."""
    found: list[Json] = said(await who.get(path, **given))
    return found


def ids(found: list[Json]) -> list[str]:
    """The ids of what is in a list."""
    return [it["id"] for it in found]


# What the document says, in its order.


@holds(
    "Make payments and pledges to usernames, email-addresses, OAUTH profiles, payment scripts and"
    " URL's."
)
async def _(stage: Stage) -> None:
    payer, script = stage.patrick, {"participants": [{"id": "Ernesto"}]}
    profile = "https://github.com/patricksavalle"
    page, pledge = task(stage, "Ernesto", type_="payment"), task(stage, "Ernesto")

    made = [
        await paid(stage, data, "1")
        for data in ("Ernesto", new_email(), profile, script, page, pledge)
    ]

    assert set(made) <= set(ids(await listed(payer, "/payments")))
    assert ids(await listed(payer, PLEDGED)) == made[-1:]


@holds(
    "Generates a payment preview. It lists the actual payment properties and recipients. Use `hash`"
    " from the result to confirm the payment with `/api_v1/payments/confirm` within 10 minutes."
)
async def _(stage: Stage) -> None:
    data = {"title": "Tacos", "participants": [{"id": "Ernesto"}, {"id": "me@mail.com"}]}
    script = (await shown(stage, data, amount="1", currency="EUR"))["script"]
    assert (script["title"], script[".amount"], script[".currency"]) == ("Tacos", 1, "EUR")
    assert [it["id"].rpartition("/")[2] for it in script["participants"]] == [
        "ernesto",
        "mailto:me@mail.com",
    ]

    first, second = [await shown(stage, data, amount="1", currency="EUR") for _ in range(2)]
    later = "update crowd_preview set expires_at = expires_at - interval '10 minutes' returning 1"
    said(await stage.patrick.put("/payments/confirm", {"hash": first["hash"]}))
    await rows(stage.client.db, later)
    async with nothing_moving(stage.client.db):
        refused(await stage.patrick.put("/payments/confirm", {"hash": second["hash"]}))


@holds("Examples of recipients that can be put in the `data` argument:")
async def _(stage: Stage) -> None:
    items = [it.text for it in said_in() if it.title == "Create payment" and it.text[:2] == "- "]

    assert len(items) == 5


@holds("- `me@mail.com`", "- `mailto:me@mail.com`")
async def _(stage: Stage) -> None:
    for data in ("me@mail.com", "mailto:me@mail.com"):
        [recipient] = (await shown(stage, data))["script"]["participants"]
        assert recipient["id"] == "mailto:me@mail.com"


@holds(
    "- `https://github.com/patricksavalle` (personal profile page of any site listed by"
    " `GET /api_v1/api/oauth_providers`)"
)
async def _(stage: Stage) -> None:
    sites = await listed(stage.client, "/api/oauth_providers")
    profiles = [it["id"].replace("{name}", "patricksavalle") for it in sites]
    assert "https://github.com/patricksavalle" in profiles

    for data in profiles:
        [recipient] = (await shown(stage, data))["script"]["participants"]
        assert recipient["id"] == data


@holds("- `https://github.com/mobbr/mobbr-api-v1` (any URL that has Mobbr support)")
async def _(stage: Stage) -> None:
    stage.outside.github.has_repository("mobbr/mobbr-api-v1", [contributor("patricksavalle", 7)])
    page = task(stage, "me@mail.com", type_="payment")

    for url in ("https://github.com/mobbr/mobbr-api-v1", page):
        preview = await shown(stage, url)
        assert preview["url"] == url
        assert len(preview["script"]["participants"]) == 1


@holds(
    "- `{...}` (a JSON payment script, see example below)",
    "**Example 3**, sending a multi-recipient payment script",
    "The data argument can also contain JSON scripts that describe a complex payment, for example:",
)
async def _(stage: Stage) -> None:
    [script] = scripts()

    for data in (script, json.dumps(script)):
        sent = (await shown(stage, data, amount=10, currency="EUR"))["script"]
        people = sent.pop("participants")
        assert {name: sent[name] for name in script.keys() - {"participants"}} == {
            name: value for name, value in script.items() if name != "participants"
        }
        assert [(it["role"], it["share"]) for it in people] == [
            (it["role"], it["share"]) for it in script["participants"]
        ]
        first, *others = [Decimal(it[".amount"]) for it in people]
        assert first == Decimal("0.10")
        exact = [Decimal("9.90") * share / 35 for share in (24, 11)]
        assert all(abs(a - b) < Decimal("1e-8") for a, b in zip(others, exact, strict=True))
        assert first + sum(others) == 10


@holds(
    "**Example 1**, previewing only recipients of a payment to a Github URL, no amount or currency"
    " specified."
)
async def _(stage: Stage) -> None:
    stage.outside.github.has_repository("identifi/identifi", [contributor("mmalmi", 7)])
    sent = json.loads(examples()[0].curl.body)
    assert sent.keys() == {"data"}

    preview = await shown(stage, **sent)

    assert preview["hash"] is preview["script"][".amount"] is preview["script"][".currency"] is None
    assert all(".amount" not in it for it in preview["script"]["participants"])


@holds("**Example 2**, preparing actual payment to a username, amount and currency specified.")
async def _(stage: Stage) -> None:
    sent = json.loads(examples()[1].curl.body)
    assert sent.keys() == {"data", "amount", "currency"}

    preview = await shown(stage, **{**sent, "currency": "EUR"})

    said(await stage.patrick.put("/payments/confirm", {"hash": preview["hash"]}))


@holds(
    "Confirms a payment preview, actually distributing money and informing the recipients. Returns"
    " the confirmed payment."
)
async def _(stage: Stage) -> None:
    payer, payee, email = stage.patrick, stage.ernesto, new_email()
    before = [await balance(payer), await balance(payee)]
    data = {"participants": [{"id": "Ernesto"}, {"id": email}]}
    preview = await shown(stage, data, amount="5", currency="EUR")

    confirmed = said(await payer.put("/payments/confirm", {"hash": preview["hash"]}))

    after = [await balance(payer), await balance(payee)]
    assert [a - b for a, b in zip(after, before, strict=True)] == [-5, Decimal("2.5")]
    assert await mailed(payer.db, payee.email, "payment_received")
    assert await mailed(payer.db, email, "share_waiting")
    assert confirmed["payment_script"] == preview["script"]
    assert confirmed["payment_id"] == ids(await listed(payer, "/payments"))[0]


@holds("List all payment for the authenticated user.")
async def _(stage: Stage) -> None:
    other = await stage.client.join()

    made = await paid(stage, "Ernesto", "1")

    amounts = [
        [it["amount"] for it in await listed(who, "/payments") if it["id"] == made]
        for who in (stage.patrick, stage.ernesto, other)
    ]
    assert amounts == [["-1.00000000"], ["1.00000000"], []]


@holds("List all payment for the specified domain / host.")
async def _(stage: Stage) -> None:
    stage.outside.github.has_repository("mobbr/mobbr-api-v1", [contributor("patricksavalle", 7)])
    here = task(stage, "Ernesto", type_="payment")
    there = "https://github.com/mobbr/mobbr-api-v1"
    for url in (here, there):
        await paid(stage, url, "1")

    for domain, url, other in (("127.0.0.1", here, there), ("github.com", there, here)):
        urls = [it["url"] for it in await listed(stage.ernesto, "/payments/domain", domain=domain)]
        assert url in urls
        assert other not in urls


@holds("List all payment for the specified URL.")
async def _(stage: Stage) -> None:
    pages = [task(stage, "Ernesto", type_="payment") for _ in range(2)]
    made = [[await paid(stage, url, "1") for _ in range(2)] for url in pages]

    for url, of_page in zip(pages, made, strict=True):
        assert ids(await listed(stage.client, URI, url=url)) == of_page[::-1]


@holds("Extended payment information")
async def _(stage: Stage) -> None:
    made = await paid(stage, task(stage, "Ernesto", type_="payment"), "1")
    [line] = [it for it in await listed(stage.patrick, "/payments") if it["id"] == made]

    info = said(await stage.client.get(INFO, id=made))

    assert len(info) > len(line)
    for name in ("receivers", "senders", "keywords"):
        assert info[name] is not None
        shorter = said(await stage.client.get(INFO, id=made, **{f"include_{name}": "false"}))
        assert shorter == {**info, name: None}


@holds(
    "- *Payment shares that have an unclaim_id have not yet been claimed by the recipient and can"
    " be deleted by the payer using `DELETE /api_v1/payments/unclaimed_shares`*"
)
async def _(stage: Stage) -> None:
    data = {"participants": [{"id": "Ernesto"}, {"id": new_email()}]}
    made = await paid(stage, data, "1")
    receivers = said(await stage.patrick.get(INFO, id=made))["receivers"]
    assert [it["unclaimed"] is None for it in receivers] == [True, False]
    assert receivers[0]["unclaim_id"] is None

    unclaimed = receivers[1]["unclaim_id"]
    text = told(await stage.patrick.delete(UNCLAIMED, share_ids=[unclaimed]))

    assert text == "1 share(s) revoked"


@holds(
    "List the shares that are not yet claimed by their recipients and can still be reclaimed."
    " Shares are unclaimed when paid to users that are not yet member of Mobbr."
)
async def _(stage: Stage) -> None:
    email = new_email()
    made = await paid(stage, {"participants": [{"id": "Ernesto"}, {"id": email}]}, "1")

    async def unclaimed() -> list[str]:
        found = await listed(stage.patrick, UNCLAIMED)
        return [it["recipient_id"] for it in found if it["payment_id"] == made]

    assert await unclaimed() == [f"mailto:{email}"]
    await register(stage, email)
    assert await unclaimed() == []


@holds(
    "Reclaim unclaimed shares / revoking shares. Only shares listed by"
    " `GET /api_v1/payments/unclaimed_shares` can be revoked"
)
async def _(stage: Stage) -> None:
    data = {"participants": [{"id": "Ernesto"}, {"id": new_email()}]}
    made = await paid(stage, data, "4")
    receivers = said(await stage.patrick.get(INFO, id=made))["receivers"]
    shares = [it["share_id"] for it in receivers]
    before = await balance(stage.patrick)
    mine = {it["share_id"] for it in await listed(stage.patrick, UNCLAIMED)}
    assert mine & {*shares} == {shares[1]}

    async with nothing_moving(stage.client.db):
        for who, id_ in ((stage.patrick, shares[0]), (stage.ernesto, shares[1])):
            assert told(await who.delete(UNCLAIMED, share_ids=[id_])) == "0 share(s) revoked"
    assert told(await stage.patrick.delete(UNCLAIMED, share_ids=shares)) == "1 share(s) revoked"

    assert await balance(stage.patrick) == before + 2


@holds(
    "List all 'claimable payments' (pledges) for an URL. These payments can be claimed by calling"
    " `PUT /api_v1/payments/claim` or by registering with the specified email address"
)
async def _(stage: Stage) -> None:
    payer, email = stage.patrick, new_email()
    url = task(stage, "Ernesto")
    made = [await paid(stage, url, "1"), await paid(stage, email, "1")]
    for where, id_ in zip((url, email), made, strict=True):
        assert ids(await listed(payer, CLAIMABLE, url_or_email=where)) == [id_]

    task(stage, "Ernesto", type_="payment", path=path_of(stage, url))
    said(await stage.client.put(CLAIM, {"url": url}))
    await register(stage, email)

    for where in (url, email):
        assert await listed(payer, CLAIMABLE, url_or_email=where) == []


@holds(
    "Trigger all pledges for an URL. The API will do a callback to the URL to discover the payment"
    " script and use the script to pay all recipients listed. If the script is still in pledge"
    " mode, nothing will happen."
)
async def _(stage: Stage) -> None:
    url, email = task(stage, "Ernesto"), new_email()
    for amount in ("6", "9"):
        await paid(stage, url, amount)
    before = await balance(stage.ernesto)

    async with nothing_moving(stage.client.db):
        refused(await stage.client.put(CLAIM, {"url": url}))
    task(stage, "Ernesto", email, "me@mail.com", type_="payment", path=path_of(stage, url))
    asked = len(stage.outside.site.seen)
    said(await stage.client.put(CLAIM, {"url": url}))

    assert len(stage.outside.site.seen) > asked
    assert await balance(stage.ernesto) == before + 5
    assert await balance(await register(stage, email)) == 5


@holds("List all payments that can still be deleted revoked by the user (such as pledges).")
async def _(stage: Stage) -> None:
    made = [await paid(stage, task(stage, "Ernesto"), "1") for _ in range(2)]
    await paid(stage, "Ernesto", "1")

    pledged = ids(await listed(stage.patrick, PLEDGED))

    assert pledged[:2] == made[::-1]
    text = told(await stage.patrick.delete(PLEDGED, ids=pledged))
    assert text == f"{len(pledged)} payments(s) revoked"
    assert await listed(stage.patrick, PLEDGED) == []


@holds(
    "Delete / revoke a pledge this user made to an URL. The API will do a callback to all URL's"
    " whose pledges are revoked to notify all current participants of this event."
)
async def _(stage: Stage) -> None:
    payer, before = stage.patrick, await balance(stage.patrick)
    participant = await stage.client.join(username="participant")
    made = await paid(stage, task(stage, participant.username), "7")
    assert await balance(payer) == before - 7

    foreign = told(await stage.ernesto.delete(UNCLAIMED, ids=[made]))
    own = told(await payer.delete(UNCLAIMED, ids=[made, made]))

    assert (foreign, own) == ("0 payments(s) revoked", "1 payments(s) revoked")
    assert await balance(payer) == before
    assert len(await mailed(payer.db, participant.email, "pledge_revoked")) == 1


# What it says of arguments.

ADDRESS = "https://a.test/"
BOOLEANS: tuple[list[Any], list[Any]] = (["TRUE", "FALSE", True, "0"], ["maybe", "2"])

MEANINGS: dict[str, tuple[list[Any], list[Any]]] = {
    "email,URL,JSON,username": (
        ["me@mail.com", "Ernesto", '{"participants": [{"id": "Ernesto"}]}'],
        ["two words", "ftp://a.test/", "{", "mailto:me"],
    ),
    "positive floating point": (["0.5", 1.5, 2], ["0", "-1", "much"]),
    "ISO-code": (["EUR"], ["EU", "XXX", "Euro"]),
    "TRUE or FALSE, will only pay recipients that have complete profiles": BOOLEANS,
    "TRUE or FALSE, leaves internal bookkeeping in (fields starting with a .)": BOOLEANS,
    "URL, the origin of the payment": ([ADDRESS], ["here", "ftp://a.test/"]),
    "the hash that was returned by /api_v1/payments/preview": ([], ["0" * 32, "0", "x" * 32]),
    "part of keyword, recipient or date": (["taco", "Ernesto", "2014-11"], ["\x00", "x" * 101]),
    "YYYY-MM-DD HH:MM:SS": (["2014-10-28 01:12:00"], ["28-10-2014", "2014-02-30 00:00:00"]),
    "the domain / host for which to list the payments": (["github.com"], ["not a host"]),
    "The UUID of the payment": ([], ["x", "g" * 32]),
    "Return list of recipients": BOOLEANS,
    "Return list of senders": BOOLEANS,
    "List all keywords": BOOLEANS,
    "the URL, ID (=URL) or email for which the pledges or unclaimed payments are listed": (
        [ADDRESS, "https://github.com/octocat", "me@mail.com"],
        ["two words"],
    ),
    "the URL for which all pledges or unclaimed payments are to be paid out to the designated"
    " recipients": ([], ["two words"]),
    "ID's of payments (have a MD5 format)": ([["0" * 32], "f" * 32], ["x", ["0" * 31]]),
}
"""What arguments are by their meaning, and what they are not."""


@pytest.mark.parametrize(
    ("call", "argument"),
    [(call, it) for call in taken() for it in call.arguments if it.meaning],
    ids=lambda it: it.name if isinstance(it, Argument) else str(it),
)
async def test_an_argument_is_what_its_meaning_says(
    stage: Stage, call: Any, argument: Argument
) -> None:
    good, bad = MEANINGS[argument.meaning]
    method, path = call.endpoint
    name = argument.name.lower()
    made = [
        it(Place(stage.client, stage.patrick, stage.ernesto, "")) for it in GOOD[str(call.endpoint)]
    ]
    [others] = [it for it in made if name in it]

    async def answer(value: Any) -> Any:
        given = {**others, name: value}
        sent: Json = {"params": given} if method in IN_QUERY else {"body": given}
        return await stage.patrick.call(method, path.removeprefix(ROOT), **sent)

    for value in good:
        assert f"parameter: {name}" not in (await answer(value)).text, value
    async with nothing_moving(stage.client.db):
        for value in bad:
            text = refused(await answer(value))
            assert f"Invalid parameter: {name}" in text or name == "data", value


# What would be noticed.


def test_a_document_that_says_something_else_would_be_noticed() -> None:
    changed = SPEC.replace("within 10 minutes", "within 20 minutes")
    assert {it.text for it in said_in(changed)} - HOLDS.keys()

    with pytest.raises(AssertionError):
        examples(SPEC.replace("    PUT /api_v1/payments/claim\n", "    claim\n"))
