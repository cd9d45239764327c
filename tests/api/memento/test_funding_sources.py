"""Memento, Funding Sources, over HTTP: wallets, cards, accounts, and what went through them."""

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest

from tests.api.checks import differs, nothing
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.documented import (
    BANK_ACCOUNT,
    CARD,
    CRYPTO_ADDRESS,
    FUNDING_SOURCE,
    TRANSACTION,
    time,
)
from tests.api.memento.paying import (
    CARD_TOKEN,
    SOURCES,
    Customer,
    Town,
    ids,
    messages_to,
    new_account,
    new_card,
    said,
)
from tests.money import EUR, MXN, charge, nothing_moving, rows
from tests.people import new_phone

pytestmark = pytest.mark.anyio

BTC: Json = {
    "description": "Coins",
    "type": "crypto_address",
    "crypto_address": {"address": "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "currency": "BTC"},
}


@pytest.fixture
def place(own_town: Town) -> Town:
    return own_town


@pytest.fixture
async def ann(place: Town) -> Customer:
    """Somebody with money in two currencies."""
    return await place.person(EUR("100.00"), MXN("500.00"))


@pytest.fixture
async def bob(place: Town) -> Customer:
    """Somebody without money."""
    return await place.person()


async def test_the_wallet_has_all_that_is_documented(place: Town, ann: Customer) -> None:
    [wallet] = said(await ann.get(SOURCES))

    assert differs(wallet, FUNDING_SOURCE) == ""
    assert (wallet["id"], wallet["type"], wallet["gateway"]) == (
        str(ann.wallet_id),
        "virtual",
        "",
    )
    assert wallet["description"]
    assert (wallet["allows_in"], wallet["allows_out"]) == (True, True)
    assert (wallet["enabled"], wallet["verified"]) == (True, True)
    assert wallet["currencies"] == list(place.shared.product.currencies)
    held = {it["currency"]: it["amount"] for it in wallet["balances"]}
    assert held == {"EUR": Decimal("100.00"), "MXN": Decimal("500.00")}
    assert said(await ann.get(ann.wallet)) == wallet


async def test_signing_up_opens_an_empty_wallet(place: Town) -> None:
    body = await place.client.sign_up_body(new_phone())
    mine = await place.enter(said(await place.client.post("/v1/users", body), 201))

    [wallet] = said(await mine.get(SOURCES))

    assert differs(wallet, FUNDING_SOURCE) == ""
    held = {it["currency"]: it["amount"] for it in wallet["balances"]}
    assert held == dict.fromkeys(place.shared.product.currencies, 0)


async def test_balances_add_up(place: Town, ann: Customer, bob: Customer) -> None:
    await charge(place.db, EUR("0.50"))
    await ann.paid(bob, "10.00")
    await ann.paid(new_phone(), "5.00")
    await bob.paid(ann, "2.00")
    await ann.paid(bob, "50.00", currency="MXN")

    mine, theirs = await ann.balance(), await bob.balance()

    assert [mine[it] for it in ("amount", "amount_in", "amount_out")] == [
        Decimal("86.00"),
        Decimal("102.00"),
        Decimal("16.00"),
    ]
    assert [theirs[it] for it in ("amount", "amount_in", "amount_out")] == [
        Decimal("7.50"),
        Decimal("10.00"),
        Decimal("2.50"),
    ]
    assert mine["updated_at"] > mine["created_at"]
    assert (await ann.has("MXN"), await bob.has("MXN")) == (450, 50)


# Adding.

_UNVERIFIED = {**FUNDING_SOURCE, "verified_at": nothing}


async def test_a_card_as_printed(place: Town, ann: Customer) -> None:
    body = new_card("9724017303484431", owner_id="2103805079")

    made = said(await ann.post(SOURCES, body), 201)

    assert differs(made, {**_UNVERIFIED, "card": CARD}) == ""
    assert (made["type"], made["type_name"]) == ("card", "standard_credit_card")
    assert (made["status"], made["enabled"], made["verified"]) == ("enabled", True, False)
    assert (made["description"], made["meta"]) == ("My Default Card", "")
    assert (made["gateway"], made["balances"]) == ("sandbox", [])
    assert (made["allows_in"], made["allows_out"]) == (False, True)
    assert made["currencies"] == list(place.shared.product.currencies)
    card = made["card"]
    assert (card["status"], card["brand"], card["masked_number"]) == (
        "active",
        "MeCard",
        "**** **** **** 1234",
    )
    for name in ("owner_id", "expiration_month", "expiration_year"):
        assert card[name] == body["card"][name]
    assert said(await ann.get(f"{SOURCES}/{made['id']}")) == made


async def test_what_the_processor_knows_of_a_card_wins(ann: Customer) -> None:
    made = said(await ann.post(SOURCES, new_card(brand="", last_digits="")), 201)

    assert (made["card"]["brand"], made["card"]["type"]) == ("Visa", "credit")
    assert made["card"]["masked_number"] == "**** **** **** 4242"
    bare = said(await ann.post(SOURCES, new_card("tok_else", brand="", last_digits="")), 201)
    assert (bare["card"]["brand"], bare["card"]["type"]) == ("", "debit")
    assert bare["card"]["masked_number"] == "**** **** **** ****"


async def test_an_account_as_printed(ann: Customer) -> None:
    made = said(await ann.post(SOURCES, {**new_account(), "meta": '{"a": 1}'}), 201)

    assert differs(made, {**_UNVERIFIED, "bank_account": BANK_ACCOUNT}) == ""
    assert (made["type"], made["type_name"]) == ("bank_account", "savings_account")
    assert (made["status"], made["enabled"], made["meta"]) == ("pending", False, '{"a": 1}')
    assert (made["allows_in"], made["allows_out"]) == (True, True)
    shown = [made["bank_account"][it] for it in ("country", "iban", "swift", "account_number")]
    assert shown == ["UK", "GB98MIDL07009312345678", "MIDLGB22", "12345678"]
    assert made["bank_account"]["enabled"] is False


async def test_an_account_by_number(ann: Customer) -> None:
    for given, number in [
        (
            {"country": "IS", "swift": "NBIIISRE", "account_number": "0535-26-210380"},
            "053526210380",
        ),
        (
            {"country": "mx", "swift": "BNMXMXMM", "account_number": "002 010 07777777777 1"},
            "002010077777777771",
        ),
    ]:
        body = new_account(iban=None, nin="2103805079", token="btok_1", **given)
        shown = said(await ann.post(SOURCES, body), 201)["bank_account"]
        assert (shown["account_number"], shown["iban"]) == (number, "")
        assert (shown["country"], shown["owner_id"]) == (given["country"].upper(), "2103805079")


async def test_a_crypto_address_is_shown_only(ann: Customer) -> None:
    made = said(await ann.post(SOURCES, BTC), 201)

    assert differs(made, {**_UNVERIFIED, "crypto_address": CRYPTO_ADDRESS}) == ""
    assert (made["type"], made["gateway"], made["enabled"]) == ("crypto_address", "", False)
    assert (made["allows_in"], made["allows_out"]) == (False, False)
    assert made["crypto_address"]["address"] == BTC["crypto_address"]["address"]
    assert error_code(await ann.post(f"{SOURCES}/{made['id']}/verify", {"code": "0"})) == (
        "invalid_code"
    )
    assert (await ann.delete(f"{SOURCES}/{made['id']}")).status_code == 200


async def test_adding_is_done_once(ann: Customer) -> None:
    for body in (new_card(), new_account(), BTC):
        key = uuid4()

        answers = await asyncio.gather(*(ann.post(SOURCES, body, key=key) for _ in range(4)))

        good = [it for it in answers if it.status_code == 201]
        assert good
        assert {it.content for it in good} == {good[0].content}
        assert {error_code(it, 409) for it in answers if it not in good} <= {"in_progress"}
        again = await ann.post(SOURCES, body, key=key)
        assert (again.status_code, again.content) == (201, good[0].content)
        other = {**body, "description": "Another"}
        assert error_code(await ann.post(SOURCES, other, key=key)) == "correlation_id_reused"
    assert len(said(await ann.get(SOURCES))) == 4


# Verifying.


async def test_a_code_verifies_an_account(place: Town, ann: Customer, bob: Customer) -> None:
    source = await ann.add(new_account())
    [(channel, kind, data)] = await messages_to(place.db, source.rpartition("/")[2])
    assert (channel, kind, data["description"]) == (
        "statement",
        "funding_source_code",
        "My Bank Account",
    )
    code, key = data["code"], uuid4()
    assert (await bob.post(f"{source}/verify", {"code": code})).status_code == 404

    verified = await ann.post(f"{source}/verify", {"code": code}, key=key)

    shown = said(verified)
    assert (shown["status"], shown["enabled"], shown["verified"]) == ("enabled", True, True)
    assert time(shown["verified_at"])
    assert shown["bank_account"]["enabled"] is True
    assert said(await ann.get(source)) == shown
    assert (await ann.post(f"{source}/verify", {"code": code}, key=key)).content == verified.content
    assert said(await ann.post(f"{source}/verify", {"code": "whatever"})) == shown


async def test_a_code_verifies_a_card(ann: Customer) -> None:
    source = await ann.add_verified(new_card())

    shown = said(await ann.get(source))
    assert (shown["enabled"], shown["card"]["verified"]) == (True, True)
    assert shown["card"]["verified_at"] == shown["verified_at"]


async def test_five_wrong_codes_reject_a_source(ann: Customer) -> None:
    for body in (new_card(), new_account()):
        source = await ann.add(body)
        code = await ann.code_for(source)
        wrong = {"code": "x" + code}
        key = uuid4()

        # The same request again is no other try.
        repeated = [await ann.post(f"{source}/verify", wrong, key=key) for _ in range(3)]
        assert [error_code(it) for it in repeated] == ["invalid_code"] * 3
        for _ in range(3):
            assert error_code(await ann.post(f"{source}/verify", wrong)) == "invalid_code"
        assert said(await ann.get(source))["status"] != "rejected"
        for given in (wrong, {"code": code}):
            answer = await ann.post(f"{source}/verify", given)
            assert error_code(answer) == "too_many_attempts"

        shown = said(await ann.get(source))
        assert (shown["status"], shown["enabled"], shown["verified"]) == ("rejected", False, False)
        assert shown["card"] is None or shown["card"]["status"] == "rejected"


async def test_wrong_codes_at_once_count_each(ann: Customer) -> None:
    source = await ann.add(new_account())

    answers = await asyncio.gather(
        *(ann.post(f"{source}/verify", {"code": "wrong"}) for _ in range(8))
    )

    codes = sorted(error_code(it) for it in answers)
    assert codes == ["invalid_code"] * 4 + ["too_many_attempts"] * 4


async def test_a_code_lasts_for_thirty_days(place: Town, ann: Customer) -> None:
    source = await ann.add(new_account())
    await rows(
        place.db,
        "update funding_source set code_expires_at = code_expires_at - interval '30 days'"
        " where type <> 'virtual' returning 1",
    )

    answer = await ann.post(f"{source}/verify", {"code": await ann.code_for(source)})

    assert error_code(answer) == "code_expired"
    assert said(await ann.get(source))["status"] == "pending"


# Changing.


async def test_updates_as_printed(ann: Customer) -> None:
    account, card = await ann.add(new_account()), await ann.add(new_card())
    year = said(await ann.get(card))["card"]["expiration_year"] + 1

    renamed = said(await ann.put(account, {"description": "My Updated Bank Account"}))
    renewed = said(
        await ann.put(
            card,
            {
                "description": "My Updated Card",
                "card": {"expiration_month": 11, "expiration_year": year},
                "meta": "{}",
            },
        )
    )

    assert (renamed["description"], renamed["meta"]) == ("My Updated Bank Account", "")
    assert (renewed["description"], renewed["meta"]) == ("My Updated Card", "{}")
    shown = [renewed["card"][it] for it in ("expiration_month", "expiration_year")]
    assert shown == [11, year]
    assert [said(await ann.get(it)) for it in (account, card)] == [renamed, renewed]
    again = said(await ann.put(card, {"description": "Mine"}))
    assert (again["meta"], again["card"]["expiration_year"]) == ("{}", year)
    assert said(await ann.put(ann.wallet, {"description": "Purse"}))["description"] == "Purse"


async def test_the_meta_of_a_card_or_an_account_is_that_of_its_source(ann: Customer) -> None:
    made = [
        said(await ann.post(SOURCES, body), 201)
        for body in (
            new_card(meta="card's"),
            new_account(meta="account's"),
            {**new_card(meta="card's"), "meta": "source's"},
        )
    ]
    card = {"expiration_month": 11, "expiration_year": 2099, "meta": "renewed"}
    path = f"{SOURCES}/{made[0]['id']}"
    renewed = said(await ann.put(path, {"description": "Mine", "card": card}))

    shown = [(it["meta"], (it["card"] or it["bank_account"])["meta"]) for it in (*made, renewed)]
    assert shown == [(it, it) for it in ("card's", "account's", "source's", "renewed")]


async def test_an_update_is_done_once(ann: Customer) -> None:
    key = uuid4()
    first = await ann.put(ann.wallet, {"description": "One"}, key=key)
    said(await ann.put(ann.wallet, {"description": "Two"}))

    again = await ann.put(ann.wallet, {"description": "One"}, key=key)

    assert (again.status_code, again.content) == (200, first.content)
    assert said(await ann.get(ann.wallet))["description"] == "Two"


async def test_what_is_no_card_does_not_expire(ann: Customer) -> None:
    expires = {"description": "Mine", "card": {"expiration_month": 1, "expiration_year": 9999}}

    for source in (ann.wallet, await ann.add(new_account()), await ann.add(BTC)):
        before = said(await ann.get(source))
        assert wrong_fields(await ann.put(source, expires)) == {"card": "unsupported"}
        assert said(await ann.get(source)) == before


async def test_a_card_expires(place: Town, ann: Customer) -> None:
    card = await ann.add(new_card())
    await rows(place.db, "update card set expiration_year = 2020 returning 1")

    assert said(await ann.get(card))["card"]["status"] == "expired"


# Deleting.


async def test_what_is_deleted_is_gone_for_good(place: Town, ann: Customer) -> None:
    for body in (new_card(), new_account()):
        source = await ann.add_verified(body)
        key = uuid4()

        deleted = await ann.delete(source, key=key)

        assert (deleted.status_code, deleted.content) == (200, b"")
        assert (await ann.delete(source, key=key)).status_code == 200
        for answer in (
            await ann.get(source),
            await ann.get(f"{source}/transactions"),
            await ann.delete(source),
            await ann.put(source, {"description": "Mine"}),
            await ann.post(f"{source}/verify", {"code": "000000"}),
        ):
            assert (answer.status_code, answer.content) == (404, b"")
    assert ids(said(await ann.get(SOURCES))) == [str(ann.wallet_id)]
    kept = """
        select sealed is null, code_digest is null
        from funding_source
            join (select * from (select funding_source_id, sealed from card) as a
                union all select funding_source_id, sealed from bank_account) as it
            on funding_source_id = funding_source.id
    """
    assert await rows(place.db, kept) == [(True, True)] * 2


async def test_what_is_in_use_is_not_deleted(place: Town, ann: Customer) -> None:
    charged, holding = await ann.add(new_card()), await ann.add(new_card())
    opened = """
        update gateway_call set status = %s
        where kind = 'register' and funding_source_id = %s returning 1
    """
    await rows(place.db, opened, "pending", charged.rpartition("/")[2])
    await ann.paid(new_phone(), funding_source_id=holding.rpartition("/")[2])
    key = uuid4()

    for source in (ann.wallet, charged, holding):
        assert error_code(await ann.delete(source, key=key)) == "funding_source_in_use"

    await rows(place.db, opened, "approved", charged.rpartition("/")[2])
    assert error_code(await ann.delete(charged, key=key)) == "funding_source_in_use"
    assert (await ann.delete(charged)).status_code == 200


async def test_paying_from_what_is_being_deleted(ann: Customer, bob: Customer) -> None:
    """Whichever is first: a charge that was begun is carried through."""
    arrived = 0
    for pays_first in (True, False) * 2:
        card = await ann.add(new_card())
        paying = ann.pay(bob, "6.00", funding_source_id=card.rpartition("/")[2])
        deleting = ann.delete(card)

        work = (paying, deleting) if pays_first else (deleting, paying)
        answers = await asyncio.gather(*work)

        arrived += answers[not pays_first].status_code == 201
        await ann.delete(card)
        assert (await ann.get(card)).status_code == 404
    assert await bob.has() == 6 * arrived


# Seeing.


async def test_filters_find_what_was_added(ann: Customer) -> None:
    card = await ann.add_verified(new_card())
    account = await ann.add(new_account())
    coins = await ann.add(BTC)
    rejected = await ann.add(new_card())
    for _ in range(5):
        await ann.post(f"{rejected}/verify", {"code": "wrong"})
    known = {
        "wallet": str(ann.wallet_id),
        **{
            name: path.rpartition("/")[2]
            for name, path in [
                ("card", card),
                ("account", account),
                ("coins", coins),
                ("rejected", rejected),
            ]
        },
    }

    for query, names in [
        ("sort=created_at:asc", "wallet card account coins rejected"),
        ("filter=type:eq:all,status:eq:all", "rejected coins account card wallet"),
        ("filter=type:eq:card", "rejected card"),
        ("filter=type:eq:bank_account", "account"),
        ("filter=type:in:[crypto_address;virtual]", "coins wallet"),
        ("filter=status:eq:enabled", "card wallet"),
        ("filter=status:eq:pending", "account"),
        ("filter=status:eq:disabled", "coins"),
        ("filter=status:in:[rejected,pending]", "rejected account"),
        ("filter=type:eq:card,status:eq:enabled", "card"),
        ("sort=updated_at:desc&limit=1", "rejected"),
        ("sort=created_at:asc&limit=2&page=2", "account coins"),
        ("filter=owner:eq:false", ""),
    ]:
        found = said(await ann.get(f"{SOURCES}?{query}"))
        assert ids(found) == [known[name] for name in names.split()], query


async def test_nobody_else_finds_or_touches_it(ann: Customer, bob: Customer) -> None:
    source = await ann.add(new_account())
    code = await ann.code_for(source)
    before = said(await ann.get(source))

    for answer in (
        await bob.get(source),
        await bob.get(f"{source}/transactions"),
        await bob.put(source, {"description": "Mine"}),
        await bob.delete(source),
        *[await bob.post(f"{source}/verify", {"code": "wrong"}) for _ in range(6)],
        await bob.post(f"{source}/verify", {"code": code}),
    ):
        assert (answer.status_code, answer.content) == (404, b"")

    assert said(await ann.get(source)) == before
    assert source.rpartition("/")[2] not in (await bob.get(SOURCES)).text
    assert said(await ann.post(f"{source}/verify", {"code": code}))["verified"] is True


async def test_no_secret_is_stored_in_clear_or_shown(place: Town, ann: Customer) -> None:
    answers = []
    for body in (new_card(), new_card("tok_of_mine"), new_account(token="btok_of_mine")):
        made = await ann.post(SOURCES, body)
        source = f"{SOURCES}/{said(made, 201)['id']}"
        answers += [made, await ann.get(source), await ann.put(source, {"description": "Mine"})]
    await ann.delete(source)

    secrets = [CARD_TOKEN, "tok_of_mine"]
    assert not [it for answer in answers for it in secrets if it in answer.text]
    tables = await rows(
        place.db,
        "select relname::text from pg_class"
        " where relnamespace = current_schema::regnamespace and relkind = 'r'",
    )
    for (table,) in tables:
        stored = str(await rows(place.db, f"select it::text from {table} as it"))
        for secret in secrets:
            assert secret not in stored, table
            assert secret.encode().hex() not in stored, table


async def test_what_is_refused_adds_nothing(place: Town, ann: Customer) -> None:
    async with nothing_moving(place.db):
        for body in ({}, new_card(""), new_account(iban="GB00"), {**BTC, "type": "virtual"}):
            assert wrong_fields(await ann.post(SOURCES, body))

    assert len(said(await ann.get(SOURCES))) == 1
    assert await rows(place.db, "select 1 from gateway_call") == []


async def test_filters(ann: Customer) -> None:
    for filter_, count in [
        ("owner:eq:true", 1),
        ("owner:eq:false", 0),
        ("status:eq:enabled", 1),
        ("status:eq:pending", 0),
        ("status:eq:all", 1),
        ("status:in:[disabled;rejected]", 0),
        ("status:in:[disabled;enabled]", 1),
        ("type:eq:virtual", 1),
        ("type:eq:card", 0),
        ("type:in:[bank_account,card]", 0),
        ("type:in:[card,virtual]", 1),
        ("type:eq:all", 1),
        ("created_at:gt:2018-01-01", 1),
        ("created_at:lt:2018-01-01", 0),
    ]:
        assert len(said(await ann.get(f"{SOURCES}?filter={filter_}"))) == count, filter_
    assert len(said(await ann.get(f"{SOURCES}?sort=updated_at:asc,created_at:desc"))) == 1
    assert said(await ann.get(f"{SOURCES}?page=2")) == []


async def test_wrong_queries(ann: Customer) -> None:
    for path, query, named in [
        (SOURCES, "filter=type:eq:cash", {"filter.type": "invalid"}),
        (SOURCES, "filter=type:like:card", {"filter.type": "unsupported"}),
        (SOURCES, "filter=status:eq:active", {"filter.status": "invalid"}),
        (SOURCES, "filter=currency:eq:EUR", {"filter.currency": "unsupported"}),
        (SOURCES, "sort=type", {"sort": "unsupported"}),
        (f"{ann.wallet}/transactions", "filter=type:eq:card", {"filter.type": "unsupported"}),
        (
            f"{ann.wallet}/transactions",
            "filter=deposits_only:eq:1,currency:in:[EUR]",
            {"filter.deposits_only": "invalid", "filter.currency": "unsupported"},
        ),
        (f"{ann.wallet}/transactions", "page=0", {"page": "too_small"}),
    ]:
        assert wrong_fields(await ann.get(f"{path}?{query}")) == named, query


async def test_what_went_through_a_wallet(ann: Customer, bob: Customer) -> None:
    made = [
        await ann.paid(bob, "30.00"),
        await ann.paid(bob, "40.00", currency="MXN"),
        await bob.paid(ann, "2.00"),
        await ann.paid(new_phone(), "4.00"),
    ]
    there = [it["recipient"]["transaction_id"] for it in made]

    for query, found in [
        ("", [3, 2, 1, 0]),
        ("sort=created_at:asc", [0, 1, 2, 3]),
        ("filter=deposits_only:eq:true", [2]),
        ("filter=deposits_only:eq:false", [3, 2, 1, 0]),
        ("filter=currency:eq:MXN", [1]),
        ("filter=currency:eq:EUR", [3, 2, 0]),
        ("filter=currency:eq:EUR,deposits_only:eq:true", [2]),
        ("filter=currency:eq:MXN,deposits_only:eq:true", []),
        ("filter=created_at:lt:2018-01-01", []),
    ]:
        shown = said(await ann.get(f"{ann.wallet}/transactions?{query}"))
        assert ids(shown) == [there[at] for at in found], query
    deposits = said(await bob.get(f"{bob.wallet}/transactions?filter=deposits_only:eq:true"))
    assert ids(deposits) == [there[1], there[0]]


async def test_its_transactions_have_all_that_is_documented(ann: Customer, bob: Customer) -> None:
    await ann.paid(bob)

    [shown] = said(await ann.get(f"{ann.wallet}/transactions"))

    assert differs(shown, TRANSACTION) == ""
    assert said(await ann.get("/v1/transactions")) == [shown]


async def test_walking_its_transactions(ann: Customer, bob: Customer) -> None:
    """Made at once, many have the same time."""
    made = await asyncio.gather(*(ann.paid(bob, "1.00") for _ in range(7)))

    for each in (ann, bob):
        pages = await each.walk(f"{each.wallet}/transactions?limit=3")
        assert [len(page) for page in pages] == [3, 3, 1]
        seen = [it for page in pages for it in ids(page)]
        assert sorted(seen) == sorted(it["recipient"]["transaction_id"] for it in made)


async def test_another_ones_wallet_is_not_found(ann: Customer, bob: Customer) -> None:
    await ann.paid(bob)

    for path in (ann.wallet, f"{SOURCES}/{uuid4()}", f"{SOURCES}/nonsense"):
        for answer in (await bob.get(path), await bob.get(f"{path}/transactions")):
            assert (answer.status_code, answer.content) == (404, b"")
    assert str(ann.wallet_id) not in (await bob.get(SOURCES)).text
