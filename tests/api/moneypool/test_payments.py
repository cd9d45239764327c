"""Moneypool, Payments, over HTTP: from a card, the wallet or both; to an email or into a pool."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.api.conftest import Shared
from tests.api.moneypool.client import Client, Json, said, wrong
from tests.api.serving import memento
from tests.money import EUR, MXN, Person, Scene, held, nothing_moving, problems, rows
from tests.people import log_in, new_email
from tests.shares import make_pool, make_request
from whipround.domain.claims import prove
from whipround.domain.pools.options import NewOption
from whipround.domain.requests.single import withdraw

pytestmark = pytest.mark.anyio

APPROVED, DECLINED, PENDING, LATE = (
    "tok_test_visa_4242",
    "tok_test_card_declined",
    "tok_test_pending",
    "tok_test_timeout",
)


class Town(NamedTuple):
    """Ann has 100 pesos and is logged in; Ben has nothing, and asks and pools."""

    ann: Client
    ben: Client
    scene: Scene

    async def pays(self, payment: Json, transaction: Json | None = None, **given: Any) -> Any:
        """What Ann's payment is answered."""
        body = {"payment": payment} | ({"transaction": transaction} if transaction else {})
        return await self.ann.post(self.ann.own("/mixed_payments"), body, **given)

    async def balances(self) -> tuple[float, float]:
        """The pesos of Ann and Ben, of which there are no more than a double has."""
        ann, ben = self.ann.person, self.ben.person
        return await self._held(ann), await self._held(ben)

    async def _held(self, person: Person) -> float:
        return float(await held(self.scene.db, person, "MXN"))

    async def number(self, table: str, id_: UUID) -> int:
        """The id here of something that was made elsewhere."""
        [[number]] = await rows(self.scene.db, f"select number from {table} where id = %s", id_)
        return int(number)


def wallet(amount: object, **given: Any) -> Json:
    return {"payment_method": "wallet", "wallet_amount": amount, "description": "Dinner", **given}


def card(**given: Any) -> Json:
    return {"payment_method": "card", "description": "Dinner", **given}


def charge(amount: object = "60.00", token: str = APPROVED, **given: Any) -> Json:
    return {"amount": amount, "card": token, "name": "Cecelia Schuster", **given}


@pytest.fixture
async def town(shared: Shared, client: Client, postgres_url: str) -> Town:
    ann = await client.join(MXN("100.00"), EUR("50.00"), name="Ann Smith")
    ben = await client.join(name="Ben Jones")
    now = datetime.now(UTC)
    scene = Scene(shared.db, shared.product, postgres_url, shared.keyring, now)
    return Town(ann, ben, scene)


async def test_from_the_wallet(town: Town) -> None:
    answer = await town.pays(wallet("25.50", new_email=town.ben.email.upper()))

    payment = said(answer, 201)["payment"]
    assert payment.pop("id") > 0
    assert payment.pop("created_at")[-6:] == "-06:00"
    assert payment == {
        "description": "Dinner",
        "payment_method": "wallet",
        "amount": "25.5",
        "wallet_amount": "25.5",
        "card_amount": "0.0",
        "fee": "0.0",
        "party": "Ben Jones",
        "status": "paid",
    }
    assert await town.balances() == (74.50, 25.50)


async def test_from_a_card(town: Town) -> None:
    answer = await town.pays(card(new_email=town.ben.email), charge(100.00))

    payment = said(answer, 201)["payment"]
    assert (payment["payment_method"], payment["card_amount"]) == ("card", "100.0")
    assert (payment["wallet_amount"], payment["status"]) == ("0.0", "paid")
    assert await town.balances() == (100, 100)


@pytest.mark.parametrize("method", ["card", "mixed"])
async def test_from_both(town: Town, method: str) -> None:
    given = {"payment_method": method, "wallet_amount": "40.00", "new_email": town.ben.email}

    answer = await town.pays(card(**given), charge("60.25"))

    payment = said(answer, 201)["payment"]
    assert (payment["payment_method"], payment["amount"]) == ("mixed", "100.25")
    assert (payment["wallet_amount"], payment["card_amount"]) == ("40.0", "60.25")
    assert await town.balances() == (60, 100.25)
    assert not await problems(town.scene.db)


@pytest.mark.parametrize(
    ("token", "borne", "field"),
    [
        (DECLINED, "40.00", "card"),
        ("tok_nobody_knows", "40.00", "card"),
        (APPROVED, "100.01", "wallet_amount"),
    ],
)
async def test_both_or_neither(town: Town, token: str, borne: str, field: str) -> None:
    given = {"wallet_amount": borne, "new_email": town.ben.email}
    charged = await rows(town.scene.db, "select count(*) from sandbox_operation")

    answer = await town.pays(card(**given), charge(token=token), key="mine")
    again = await town.pays(card(**given), charge(token=token), key="mine")

    assert wrong(answer).keys() == {field}
    assert wrong(again) == wrong(answer)
    assert await town.balances() == (100, 0)
    if field == "wallet_amount":  # then no card was asked
        assert await rows(town.scene.db, "select count(*) from sandbox_operation") == charged


@pytest.mark.parametrize("token", [PENDING, LATE])
async def test_a_card_that_has_not_decided(town: Town, token: str) -> None:
    given = {"wallet_amount": "40.00", "new_email": town.ben.email}

    answer = await town.pays(card(**given), charge(token=token))

    assert said(answer, 201)["payment"]["status"] == "pending"
    assert await town.balances() == (60, 0)


async def test_to_an_email_that_nobody_has_proven(town: Town) -> None:
    email, db = new_email(), town.scene.db

    answers = [
        await town.pays(wallet("5", new_email=email)),
        await town.pays(card(new_email=email), charge("7")),
        await town.pays(card(new_email=email, wallet_amount="10"), charge("11")),
    ]

    told = [said(each, 201)["payment"] for each in answers]
    assert {(each["party"], each["status"]) for each in told} == {(email, "waiting")}
    assert await town.balances() == (85, 0)
    async with db.transaction() as tx:
        ben = town.ben.person
        await prove(tx, user_id=ben.id, addresses=[("email", email)], now=town.scene.now)
    assert await town.balances() == (85, 33)
    assert not await problems(db)


async def test_into_a_pool(town: Town) -> None:
    scene, least = town.scene, Decimal(20)
    pool = await make_pool(
        scene, town.ben.person, currency="MXN", minimum_user_amount=least, description="Party"
    )
    options = (NewOption("Big", Decimal(20)), NewOption("Small", Decimal("7.5")))
    of_options = await make_pool(
        scene, town.ben.person, currency="MXN", options=options, allows_optional_amount=False
    )
    elsewhere = await make_pool(scene, town.ben.person)
    pool_id = await town.number("pool", pool)

    by_wallet = await town.pays(wallet("20", pool_id=pool_id))
    by_both = await town.pays(card(wallet_amount="15", pool_id=pool_id), charge("10"))
    too_little = await town.pays(wallet("19.99", pool_id=pool_id))
    by_card = await town.pays(card(pool_id=pool_id), charge("19.99"))
    none_of_them = await town.pays(
        card(pool_id=await town.number("pool", of_options)), charge("10")
    )
    in_euros = await town.pays(wallet("20", pool_id=await town.number("pool", elsewhere)))
    unknown = await town.pays(wallet("20", pool_id=2**63))

    assert [said(each, 201)["payment"]["party"] for each in (by_wallet, by_both)] == ["Party"] * 2
    assert wrong(too_little) == {"wallet_amount": ["The pool takes at least 20.00"]}
    assert wrong(by_card) == {"amount": ["The pool takes at least 20.00"]}
    assert wrong(none_of_them) == {"amount": ["The pool takes one of these amounts: 7.50, 20.00"]}
    assert wrong(in_euros).keys() == wrong(unknown).keys() == {"pool_id"}
    assert await rows(scene.db, "select amount, paid_count from pool where id = %s", pool) == [
        (45, 2)
    ]
    assert (await town.balances())[0] == 65


async def test_a_payment_request(town: Town) -> None:
    scene, ann, ben = town.scene, town.ann.person, town.ben.person
    ask = await make_request(scene, ben, ann, amount=MXN("30.00"))
    request_id = await town.number("request_participant", ask.participants[0])
    other = await make_request(scene, ann, ben, amount=MXN("30.00"))
    not_mine = await town.number("request_participant", other.participants[0])
    of_it: Json = {"payment_request_id": request_id}
    cat = await town.ann.join(is_proven=False)
    of_cat = await make_request(scene, cat.person, ann, amount=MXN("1.00"))
    of_whoever = await town.number("request_participant", of_cat.participants[0])

    refused = [
        await town.pays(wallet("29.99", **of_it)),
        await town.pays(card(wallet_amount="10", **of_it), charge("19")),
        await town.pays(wallet("30", new_email=town.ann.email, **of_it)),
        await town.pays(wallet("1", new_email=cat.email, payment_request_id=of_whoever)),
        await town.pays(wallet("30", pool_id=1, **of_it)),
        await town.pays(wallet("30", payment_request_id=not_mine)),
    ]
    paid = await town.pays(
        card(wallet_amount="10", new_email=town.ben.email, **of_it), charge("20"), key="it"
    )
    again = await town.pays(wallet("30", **of_it))

    assert [{*wrong(each)} for each in refused] == [
        {"wallet_amount"},
        {"amount"},
        {"new_email"},
        {"new_email"},
        {"pool_id"},
        {"payment_request_id"},
    ]
    assert said(paid, 201)["payment"]["party"] == "Ben Jones"
    assert wrong(again).keys() == {"payment_request_id"}
    assert await town.balances() == (90, 30)
    assert not await problems(scene.db)


async def test_a_repeat_is_answered_as_before_whatever_the_request_has_come_to(town: Town) -> None:
    db, ben = town.scene.db, town.ben
    asks = [
        await make_request(town.scene, ben.person, town.ann.person, amount=MXN("30.00"))
        for _ in range(2)
    ]
    numbers = [await town.number("request_participant", ask.participants[0]) for ask in asks]

    async def pay() -> list[Json]:
        paid = wallet("30", new_email=ben.email, payment_request_id=numbers[0])
        declined = card(payment_request_id=numbers[1])
        answers = (
            await town.pays(paid, key="paid"),
            await town.pays(declined, charge("30", DECLINED), key="declined"),
        )
        return [said(answers[0], 201), wrong(answers[1])]

    first = await pay()
    change = "update users set email = %s where id = %s returning 1"
    await rows(db, change, new_email(), ben.person.id)
    async with db.transaction() as tx:
        await withdraw(
            tx, owner=ben.person.user, number=numbers[1], currency="MXN", now=town.scene.now
        )

    assert await pay() == first


async def test_the_same_key_pays_once(town: Town) -> None:
    body = card(wallet_amount="40", new_email=town.ben.email)

    answers = await asyncio.gather(*(town.pays(body, charge("60"), key="once") for _ in range(10)))
    last = await town.pays(body, charge("60"), key="once")
    another = await town.pays(body, charge("61"), key="once")

    assert {each.status_code for each in answers} <= {201, 409}
    assert said(last, 201) == said(next(it for it in answers if it.status_code == 201), 201)
    assert wrong(another).keys() == {"base"}
    assert await town.balances() == (60, 100)


BOTH = {"wallet_amount": "1", "new_email": "a@example.com"}

_AMOUNTS: Sequence[object] = ["0", 0, "-1", -1, "1.001", 1.001, "NaN", "1e3", "", "1_0", [], True]
_IDS: Sequence[object] = [0, -1, 10**30, True, 1.5, "x", {}]


@pytest.mark.parametrize(
    ("payment", "transaction", "fields"),
    [
        pytest.param({}, None, {"payment_method", "new_email"}, id="nothing"),
        pytest.param(wallet("1"), None, {"new_email"}, id="neither recipient"),
        pytest.param(
            wallet("1", new_email="a@example.com", pool_id=1),
            None,
            {"new_email"},
            id="both recipients",
        ),
        pytest.param(wallet(None, new_email="a@b.mx"), None, {"wallet_amount"}, id="no amount"),
        pytest.param(card(new_email="a@example.com"), None, {"transaction"}, id="no card"),
        pytest.param(
            card(payment_method="mixed", new_email="a@example.com"),
            charge(),
            {"wallet_amount"},
            id="mixed without the wallet",
        ),
        pytest.param(
            card(payment_method="mixed", **BOTH), None, {"transaction"}, id="mixed without a card"
        ),
        pytest.param(
            wallet("1", new_email="a@example.com"), charge(), {"transaction"}, id="a card too many"
        ),
        pytest.param(
            card(new_email="a@example.com"),
            {"amount": None},
            {"amount", "card", "name"},
            id="an empty card",
        ),
        *(
            pytest.param(
                wallet(amount, new_email="a@example.com"), None, {"wallet_amount"}, id=f"{amount!r}"
            )
            for amount in _AMOUNTS
        ),
        *(
            pytest.param(card(**BOTH), charge(amount), {"amount"}, id=f"a charge of {amount!r}")
            for amount in ("0.00", "-0.01", "0.001", "1000000000000.01")
        ),
        *(
            pytest.param(wallet("1", pool_id=id_), None, {"pool_id"}, id=f"pool {id_!r}")
            for id_ in _IDS
        ),
        pytest.param(wallet("1", new_email="not one"), None, {"new_email"}, id="no email"),
        pytest.param(
            card(**BOTH), charge(card="\u20ac", name=" "), {"card", "name"}, id="an unreadable card"
        ),
        pytest.param(
            wallet("1", new_email="a@b.mx", description="x" * 1001),
            None,
            {"description"},
            id="a long description",
        ),
        pytest.param(
            wallet("1", payment_method="cash", new_email="a@example.com"),
            None,
            {"payment_method"},
            id="another method",
        ),
    ],
)
async def test_what_cannot_be_read_moves_nothing(
    town: Town, payment: Json, transaction: Json | None, fields: set[str]
) -> None:
    async with nothing_moving(town.scene.db):
        answer = await town.pays(payment, transaction)

    assert wrong(answer).keys() == fields


async def test_to_oneself(town: Town) -> None:
    by_wallet = await town.pays(wallet("1", new_email=town.ann.email))
    by_both = await town.pays(card(wallet_amount="1", new_email=town.ann.email), charge("1"))
    topped_up = await town.pays(card(new_email=town.ann.email), charge("20"))

    assert wrong(by_wallet).keys() == wrong(by_both).keys() == {"new_email"}
    assert said(topped_up, 201)["payment"]["party"] == "Ann Smith"
    assert (await town.balances())[0] == 120


async def test_pesos_are_not_taken_from_euros(town: Town) -> None:
    answer = await town.pays(wallet("100.01", new_email=town.ben.email))

    assert wrong(answer).keys() == {"wallet_amount"}
    assert await held(town.scene.db, town.ann.person, "EUR") == 50


async def test_a_memento_person_is_paid_by_the_email_they_have_proven(town: Town) -> None:
    email = new_email()
    carl: Person = await town.scene.person(first_name="Carl", email=email)
    waiting = said(await town.pays(wallet("1", new_email=email)), 201)["payment"]
    async with town.scene.db.transaction() as tx:
        await prove(tx, user_id=carl.id, addresses=[("email", email)], now=town.scene.now)

    paid = said(await town.pays(wallet("2", new_email=email)), 201)["payment"]

    assert [(it["status"], it["party"]) for it in (waiting, paid)] == [
        ("waiting", email),
        ("paid", "Carl Dough"),
    ]
    assert await held(town.scene.db, carl, "MXN") == 3


async def test_memento_has_a_receipt_of_what_was_paid_here(shared: Shared, town: Town) -> None:
    await town.pays(card(new_email=town.ben.email, wallet_amount="40"), charge("60"))
    [[payment_id]] = await rows(
        shared.db, "select id from payment where owner_id = %s", town.ann.person.id
    )
    change = "update users set locale = 'es-MX' where id = %s returning 1"
    await rows(shared.db, change, town.ann.person.id)
    async with memento(shared) as http:
        session = (await log_in(shared.db, town.ann.person.user, now=town.scene.now)).opened
        http.headers["Authorization"] = f"Bearer {session.secret}"

        receipt = said(await http.get(f"/v1/payments/{payment_id}/receipt"))
        listed = said(await http.get("/v1/funding_sources"))

    method = receipt["payment_method"]
    assert (method["title"], receipt["amounts"]["total"]) == ("Tarjeta", "$100.00")
    assert method["details"][-1] == "De ello, del monedero: $40.00"
    assert [each["type"] for each in listed] == ["virtual"]
