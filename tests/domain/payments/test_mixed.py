"""A card and the wallet pay together, or neither does; cards charged once; cash that has come."""

import asyncio
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.money import (
    EUR,
    MXN,
    Person,
    Scene,
    answered,
    fees_held,
    found_in,
    fund,
    held,
    held_by,
    new_address,
    outcome_of,
    problems,
    render,
    rows,
)
from tests.refunds import refund
from tests.settlements import (
    Recorder,
    heard,
    heard_later,
    intended,
    make_source,
    record,
    recorder,
)
from tests.shares import make_pool, make_request, paying, share_of
from whipround.db.database import Database
from whipround.db.request_keys import Answer
from whipround.domain import claims, fees
from whipround.domain.audit import DOMAIN_CHECKS
from whipround.domain.fees import FeeRule
from whipround.domain.funding import once
from whipround.domain.funding.wallet import CLEARING_ACCOUNT
from whipround.domain.limit_files import replace_rules
from whipround.domain.limits import LimitRule
from whipround.domain.payees import Address
from whipround.domain.payments.checks import MIXED_CHECKS
from whipround.domain.payments.commands import MOST_DECLINED, UNCLAIMED_FOR, Pay
from whipround.domain.payments.means import FromWallet, Means, OnceCard
from whipround.domain.payments.shares import Contribution, PayShare, RequestShare, Share
from whipround.domain.pools.options import NewOption
from whipround.ledger.accounts import PRODUCT
from whipround.money import Money
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

APPROVED = Outcome("approved", reference_code="R1")
DECLINED, PENDING, NEVER = Outcome("declined", "card_declined"), Outcome("pending"), None

HUNDRED = MXN("100.00")

ASIDE, BACK, ALONE, ONCE = (check.claim for check in MIXED_CHECKS)
OTHERS = dict(
    zip(
        ("TRANSFERS", "PAYMENTS", "GAVE", "GOT", "HOLDINGS", "CLEARING", "ASKED", "STRAYED"),
        (check.claim for check in DOMAIN_CHECKS),
        strict=False,
    )
)


class Play(NamedTuple):
    """Ann has 50 pesos, and any card; it costs 2 pesos, her wallet 1, whatever is paid."""

    db: Database
    scene: Scene
    ann: Person
    ben: Person
    cards: UUID
    cash: UUID
    here: Recorder

    def means(self, borne: str | None = "40.00", **given: Any) -> Means:
        """A card that is charged once, with a part that the wallet bears."""
        call_id = uuid7()
        card = OnceCard(call_id, self.scene.keyring.seal(call_id, "tok_test_visa_4242"), "Ann")
        wallet = None if borne is None else FromWallet(self.ann.wallet_id, Decimal(borne))
        return Means(**{"card": card, "wallet": wallet, **given})

    def order(
        self,
        to: Person | Address,
        amount: Money = HUNDRED,
        borne: str | None = "40.00",
        **given: Any,
    ) -> Pay:
        """An order of Ann's to pay all of the amount."""
        said = {"pin": None, "funding_source_id": self.cards, "means": self.means(borne)}
        order = self.scene.order(self.ann, to, amount)
        return order._replace(**{**said, **given})

    def share(self, share: Share, **given: Any) -> PayShare:
        """An order of Ann's to pay a share."""
        said = {"funding_source_id": self.cards, "means": self.means(), **given}
        return paying(self.scene, self.ann, share, **said)._replace(pin=None)

    async def refused(self, *orders: Pay | PayShare) -> list[tuple[str | None, tuple[str, ...]]]:
        """Why none of the orders is carried out."""
        server = self.scene.server()
        found = [outcome_of(answered(await server.submit(each))) for each in orders]
        return [(each.error, each.fields) for each in found]

    async def balances(self) -> tuple[Decimal, Decimal, Decimal]:
        """What Ann has, what Ben has, and what is being cleared."""
        clearing = await held_by(self.db, PRODUCT, "MXN", kind=CLEARING_ACCOUNT)
        return await held(self.db, self.ann, "MXN"), await held(self.db, self.ben, "MXN"), clearing


async def codes(play: Play, order: Pay) -> list[str]:
    """What is wrong with the fields of an order."""

    def said(outcome: Any) -> Answer:
        return Answer(400, " ".join(error.code for error in outcome.errors).encode())

    answer = answered(await play.scene.server().submit(order._replace(render=said)))
    return answer.body.decode().split()


def pesos(*amounts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, amounts))


@pytest.fixture
async def play(
    db: Database, scene: Scene, ann: Person, ben: Person, caplog: pytest.LogCaptureFixture
) -> Play:
    rules = [
        FeeRule("payment", of, "MXN", "Fee", Decimal(0), Decimal(fixed), Decimal(0), None)
        for of, fixed in (("card", "2.00"), ("virtual", "1.00"))
    ]
    await fund(db, ann, MXN("50.00"), now=scene.now)
    kept = await make_source(scene, ann)
    async with db.transaction() as tx:
        await fees.replace_rules(tx, rules)
        cards = await once.source_of(tx, user_id=ann.id, kind="card", now=scene.now)
        cash = await once.source_of(tx, user_id=ann.id, kind="cash", now=scene.now)
        assert cards == await once.source_of(tx, user_id=ann.id, kind="card", now=scene.now)
        assert kept not in {cards, cash}
    return Play(db, scene, ann, ben, cards, cash, recorder(db, scene))


async def test_both_pay_once_the_card_has(play: Play) -> None:
    [asked] = await intended(play.scene, play.order(play.ben))

    assert (asked.call.amount, asked.call.holder) == (Decimal("62.00"), "Ann")
    assert await play.balances() == pesos("9.00", "0", "41.00")
    assert not await problems(play.db)

    assert await record(play.here, heard(asked, APPROVED)) == ["closed fulfilled paid Ben Dough"]

    assert await play.balances() == pesos("9.00", "100.00", "0")
    assert await fees_held(play.db, "MXN") == Decimal("3.00")
    [kept] = await rows(play.db, "select amount, fee, wallet_amount, wallet_fee from payment")
    assert kept == pesos("100.00", "3.00", "40.00", "1.00")
    [[sealed]] = await rows(play.db, "select sealed from gateway_call")
    assert sealed is None, "nothing more is to be asked"
    assert not await problems(play.db)


@pytest.mark.parametrize("word", [DECLINED, NEVER], ids=["declined", "never heard of"])
@pytest.mark.parametrize("is_late", [False, True], ids=["at once", "after it was answered"])
async def test_neither_pays_where_the_card_does_not(
    play: Play, word: Outcome | None, *, is_late: bool
) -> None:
    [asked] = await intended(play.scene, play.order(play.ben))
    first = await record(play.here, heard(asked, PENDING)) if is_late else None

    said = await record(play.here, heard(asked, word))
    await record(play.here, heard_later(asked, word))  # a repeat changes nothing

    assert said == first if first else said[0] in {"gateway_declined", "gateway_unavailable"}
    assert await rows(play.db, "select sealed from gateway_call") == [(None,)]
    assert await play.balances() == pesos("50.00", "0", "0")
    assert await fees_held(play.db, "MXN") == 0
    assert not await problems(play.db)


async def test_the_card_is_not_asked_where_the_wallet_is_short(play: Play) -> None:
    refused = await play.refused(
        play.order(play.ben, borne="49.01"),
        play.order(play.ben, borne="100.00"),
        play.order(play.ben, borne="120.00"),
    )

    assert refused == [
        ("insufficient_funds", ()),
        ("invalid", ("wallet_amount",)),
        ("invalid", ("wallet_amount",)),
    ]
    assert await play.balances() == pesos("50.00", "0", "0")
    assert await rows(play.db, "select count(*) from gateway_call") == [(0,)]


async def test_of_two_at_once_the_wallet_bears_one(play: Play) -> None:
    server = play.scene.server()

    results = await asyncio.gather(*(server.submit(play.order(play.ben)) for _ in range(2)))

    assert sorted(type(each).__name__ for each in results) == ["Answer", "Processing"]
    assert await play.balances() == pesos("9.00", "0", "41.00")


async def test_what_comes_too_late_is_the_payers(play: Play) -> None:
    [asked] = await intended(play.scene, play.order(play.ben))

    await record(play.here, heard(asked, NEVER))
    await record(play.here, heard_later(asked, APPROVED))  # the card has paid after all

    assert await play.balances() == pesos("112.00", "0", "0")
    assert not await problems(play.db)


async def test_a_recipient_who_has_gone_leaves_all_to_the_payer(play: Play) -> None:
    [asked] = await intended(play.scene, play.order(play.ben))
    gone = "update users set status = 'rejected' where id = %s returning 1"
    await rows(play.db, gone, play.ben.id)

    assert await record(play.here, heard(asked, APPROVED)) == ["recipient_unavailable"]

    assert await play.balances() == pesos("112.00", "0", "0")
    assert not await problems(play.db)


async def test_an_address_that_nobody_has_proven(play: Play) -> None:
    claimed, returned = new_address(), new_address()
    asked = await intended(
        play.scene,
        play.order(claimed, borne="20.00"),
        play.order(returned, borne="20.00"),
    )

    await record(play.here, *(heard(each, APPROVED) for each in asked))

    assert await play.balances() == pesos("8.00", "0", "0")
    assert not await problems(play.db)
    async with play.db.transaction() as tx:
        await claims.prove(tx, user_id=play.ben.id, addresses=[claimed], now=play.scene.now)
    await claims.return_expired(play.db, now=play.scene.now + UNCLAIMED_FOR)
    assert await play.balances() == pesos("111.00", "100.00", "0")
    assert not await problems(play.db)


async def test_a_request_and_a_pool_are_paid_together(play: Play) -> None:
    ask = await make_request(play.scene, play.ben, play.ann, amount=MXN("70.00"))
    pool = await make_pool(play.scene, play.ben, currency="MXN", minimum_user_amount=Decimal(60))
    [of_request] = await intended(play.scene, play.share(share_of(ask), only_in="MXN"))

    await record(play.here, heard(of_request, APPROVED))

    assert await play.balances() == pesos("9.00", "70.00", "0")
    means = play.means("5.00")
    to_pool = play.share(Contribution(pool, None, Decimal("60.00")), means=means, only_in="MXN")
    [declined] = await intended(play.scene, to_pool)
    await record(play.here, heard(declined, DECLINED))
    assert await play.balances() == pesos("9.00", "70.00", "0")
    again = to_pool._replace(means=play.means("5.00"), key=play.order(play.ben).key)
    [approved] = await intended(play.scene, again)
    await record(play.here, heard(approved, APPROVED))
    assert await rows(play.db, "select amount, paid_count from pool") == [(Decimal(60), 1)]
    assert await play.balances() == pesos("3.00", "70.00", "0")
    assert not await problems(play.db)


async def test_shares_that_are_not_what_the_payer_believes(play: Play) -> None:
    ask = await make_request(play.scene, play.ben, play.ann, amount=MXN("70.00"))
    in_euros = await make_request(play.scene, play.ben, play.ann, amount=EUR("7.00"))
    pool = await make_pool(play.scene, play.ben)
    mine = {"funding_source_id": play.ann.wallet_id, "means": Means(), "only_in": "MXN"}

    refused = await play.refused(
        play.share(RequestShare(ask.id, None, Decimal("69.99")), **mine),
        play.share(share_of(in_euros), **mine),
        play.share(Contribution(pool, None, Decimal(5)), **mine),
    )

    assert refused == [("invalid", ("amount",)), ("not_found", ()), ("not_found", ())]
    assert await play.balances() == pesos("50.00", "0", "0")


async def test_an_amount_stands_for_the_option_that_it_is_of(play: Play) -> None:
    options = (NewOption("Small", Decimal(10)), NewOption("Big", Decimal(20)))
    pool = await make_pool(
        play.scene, play.ben, currency="MXN", allows_optional_amount=False, options=options
    )
    mine = {"funding_source_id": play.ann.wallet_id, "means": Means(numbered=True)}

    refused = await play.refused(
        play.share(Contribution(pool, None, Decimal(15), by_amount=True), **mine)
    )
    server = play.scene.server()
    await server.submit(play.share(Contribution(pool, None, Decimal(20), by_amount=True), **mine))

    assert refused == [("invalid", ("amount",))]
    [[title]] = await rows(
        play.db,
        "select title from pool_participant join contribution_option as option"
        " on option.id = option_id where user_id = %s",
        play.ann.id,
    )
    assert title == "Big"


async def test_refunds(play: Play) -> None:
    together, by_card = await intended(
        play.scene, play.order(play.ben, borne="10.00"), play.order(play.ben, borne=None)
    )
    await record(play.here, heard(together, APPROVED), heard(by_card, APPROVED))
    assert await play.balances() == pesos("39.00", "200.00", "0")

    assert (await refund(play.scene, play.ben, together.payment.id, "50.00")).status == "approved"

    # To the wallet, though a card has paid most of it.
    assert await play.balances() == pesos("90.50", "150.00", "0")
    assert not await problems(play.db)


async def test_limits_count_each_part_and_give_it_back(play: Play) -> None:
    rules = [
        LimitRule(uuid7(), "Daily", of, "MXN", "out", "day", False, Decimal(most), Decimal(most))
        for of, most in (("card", "100.00"), ("virtual", "45.00"))
    ]
    async with play.db.transaction() as tx:
        await replace_rules(tx, rules)
    used = "select amount from limit_usage order by amount"

    [asked] = await intended(play.scene, play.order(play.ben))
    refused = await play.refused(
        play.order(play.ben, MXN("30.00"), borne="4.00"),
        play.order(play.ben, MXN("40.00"), borne="1.00"),
    )
    assert await rows(play.db, used) == [(Decimal("41.00"),), (Decimal("62.00"),)]
    await record(play.here, heard(asked, DECLINED))

    assert [error for error, _ in refused] == ["limit_exceeded", "limit_exceeded"]
    assert await rows(play.db, used) == [(Decimal(0),), (Decimal(0),)]


async def test_cards_that_decline_are_counted_with_their_person(play: Play) -> None:
    for _ in range(MOST_DECLINED):
        [asked] = await intended(play.scene, play.order(play.ben, borne=None))
        await record(play.here, heard(asked, DECLINED))

    assert await play.refused(play.order(play.ben, borne=None)) == [("limit_exceeded", ())]


async def test_cards_that_are_tried_all_at_once_are_counted_too(play: Play) -> None:
    server = play.scene.server()

    async def tried(count: int) -> list[str]:
        orders = [play.order(play.ben, borne=None) for _ in range(count)]
        results = await asyncio.gather(*map(server.submit, orders))
        return [type(each).__name__ for each in results]

    asked = await intended(
        play.scene, *(play.order(play.ben, borne=None) for _ in range(MOST_DECLINED - 1))
    )
    assert await tried(3) == ["Processing", "Answer", "Answer"]
    words = [APPROVED] * 4 + [PENDING, DECLINED]
    await record(play.here, *map(heard, asked, words))

    assert await tried(6) == ["Processing"] * 4 + ["Answer"] * 2


async def test_what_is_paid_with_once_is_no_funding_source(play: Play) -> None:
    """Whoever names it in another face gets nothing out of it."""
    plain, mine = Means(), play.ann.wallet_id

    refused = await play.refused(
        play.order(play.ben, funding_source_id=play.cash, means=plain),
        play.order(play.ben, funding_source_id=play.cards, means=plain),
        play.order(play.ben, funding_source_id=mine, means=play.means(None)),
        play.order(play.ben, funding_source_id=play.cards, means=Means(has_come=True)),
        play.order(play.ben, funding_source_id=play.cash, means=play.means(None)),
        play.scene.order(play.ann, play.ben, MXN("1.00"), funding_source_id=play.cash),
    )

    to_it = play.order(play.ben, recipient_user_id=None, recipient_source_id=play.cards)

    assert refused == [("invalid", ("funding_source_id",))] * 6
    assert await codes(play, to_it) == ["not_found"]
    assert await play.balances() == pesos("50.00", "0", "0")


async def test_cash_that_has_come(play: Play) -> None:
    rules = [
        FeeRule(kind, "cash", "MXN", "Fee", Decimal(0), Decimal(3), Decimal(0), None)
        for kind in ("payment", "top_up")
    ]
    async with play.db.transaction() as tx:  # a product may call its cards so
        await fees.replace_rules(tx, rules)
    pool = await make_pool(play.scene, play.ben, currency="MXN")
    come = Means(has_come=True, numbered=True)
    server = play.scene.server()
    into_pool = play.share(
        Contribution(pool, None, Decimal("30.00"), by_amount=True),
        funding_source_id=play.cash,
        means=come,
    )
    to_wallet = play.order(
        play.ann,
        MXN("30.00"),
        funding_source_id=play.cash,
        recipient_user_id=None,
        recipient_source_id=play.ann.wallet_id,
        means=come,
    )

    answers = [await server.submit(each) for each in (into_pool, into_pool, to_wallet, to_wallet)]

    assert {answered(each).status for each in answers} == {201}
    assert await rows(play.db, "select amount, paid_count from pool") == [(Decimal(30), 1)]
    assert await play.balances() == pesos("80.00", "0", "0")
    assert await held_by(play.db, play.cash, "MXN") == Decimal("-60.00")
    assert await fees_held(play.db, "MXN") == 0


async def test_payments_are_numbered_where_that_is_asked_for(play: Play) -> None:
    seen: list[Any] = []

    def keep(outcome: Any) -> Any:
        seen.append(outcome)
        return render(outcome)

    def order(*, numbered: bool) -> Pay:
        means = Means(numbered=numbered)
        source = play.ann.wallet_id
        return play.order(play.ben, MXN("1.00"), funding_source_id=source, means=means, render=keep)

    server = play.scene.server()
    await asyncio.gather(*(server.submit(order(numbered=it)) for it in (True, False)))

    [[number]] = await rows(play.db, "select number from payment where id = %s", seen[0].id)
    assert [each.number for each in seen] == [number, None]


async def test_whoever_is_locked_pays_nothing_without_a_pin_either(play: Play) -> None:
    lock = "update users set locked_until = %s + interval '1 hour' where id = %s returning 1"
    await rows(play.db, lock, play.scene.now, play.ann.id)

    order = play.order(play.ben, MXN("1.00"), funding_source_id=play.ann.wallet_id, means=Means())

    assert await play.refused(order) == [("user_locked", ())]


_SAID = "update gateway_call set status = '{1}' where transaction_id = %({0})s"
_BORE = "update payment set wallet_amount = {1}, wallet_fee = {2} where transaction_id = %({0})s"

FORGED: dict[str, tuple[str, set[str]]] = {
    "the wallet bore more": (_BORE.format("paid", "31", "1"), {ASIDE, "GAVE", "ASKED"}),
    "the wallet bore nothing": (
        _BORE.format("paid", "null", "null"),
        {ALONE, "GAVE", "ASKED"},
    ),
    "of what is under way it bears less": (
        _BORE.format("underway", "1", "1"),
        {ASIDE, "CLEARING", "ASKED"},
    ),
    "the card declined, and the wallet's part is away": (
        _SAID.format("underway", "declined"),
        {BACK, "TRANSFERS", "CLEARING"},
    ),
    "the card paid, and the wallet's part is back": (
        _SAID.format("declined", "approved"),
        {BACK, "TRANSFERS"},
    ),
    "no card was asked": (
        "delete from gateway_call where transaction_id = %(declined)s",
        {BACK, "TRANSFERS"},
    ),
    "a card came after all, and is said not to have": (
        _SAID.format("late", "cancelled"),
        {"TRANSFERS"},
    ),
    "more came too late": (
        "update gateway_call set amount = amount + 1 where transaction_id = %(late)s",
        {"ASKED", "STRAYED"},
    ),
    "what came too late is somebody else's": (
        "update transaction set in_funding_source_id = gen_random_uuid() where id = %(late)s",
        {"STRAYED"},
    ),
    "what is paid with once takes money in": (
        "update funding_source set allows_in = true where is_once",
        {ONCE},
    ),
    "a wallet is paid with once": (
        "update funding_source set is_once = true, deleted_at = now() where type = 'virtual'",
        {ONCE},
    ),
}


async def test_the_audit_finds_what_is_forged_of_either_part(play: Play) -> None:
    await fund(play.db, play.ann, MXN("200.00"), now=play.scene.now)
    made = await intended(play.scene, *(play.order(play.ben, borne="30.00") for _ in range(4)))
    paid, declined, late, _ = made
    said = [heard(paid, APPROVED), heard(declined, DECLINED), heard(late, NEVER)]
    await record(play.here, *said)
    await record(play.here, heard_later(late, APPROVED))
    names = ("paid", "declined", "late", "underway")
    ids = dict(zip(names, (each.payment.transaction_id for each in made), strict=True))
    assert not await problems(play.db)

    statements = {name: statement for name, (statement, _) in FORGED.items()}
    found = await found_in(play.db, statements, ids, checks=DOMAIN_CHECKS)

    assert found == {
        name: {OTHERS.get(each, each) for each in claims} for name, (_, claims) in FORGED.items()
    }
