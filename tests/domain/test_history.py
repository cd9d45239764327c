"""The history of a person: what moved, as who sees it, and never anything else."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests import crowd
from tests.money import EUR, MXN, Person, Scene, answered, fund, held, outcome_of, problems, rows
from tests.people import new_email
from tests.refunds import carried_out, refund, refund_order
from tests.settlements import (
    heard,
    heard_later,
    intended,
    make_source,
    paying_out,
    record,
    recorder,
)
from tests.shares import into, make_pool, make_request, pay_shares, paying, share_of
from whipround.db.listing import Page
from whipround.domain import claims, fees, fx, history, relationships
from whipround.domain.crowd import pledges, unclaimed
from whipround.domain.crowd.commands import PLEDGED_FOR
from whipround.domain.crowd.commands import UNCLAIMED_FOR as SHARES_UNCLAIMED_FOR
from whipround.domain.crowd.plan import Page as ScriptPage
from whipround.domain.fees import FeeRule
from whipround.domain.funding import once
from whipround.domain.history import Income, Outcome
from whipround.domain.payees import Address
from whipround.domain.payments.commands import UNCLAIMED_FOR, Pay, Processing
from whipround.domain.payments.means import FromWallet, Means
from whipround.domain.payments.shares import PayShare
from whipround.domain.pools import closing
from whipround.domain.refunds.making import make
from whipround.domain.settlements.commands import Settle
from whipround.errors import Message
from whipround.money import Money
from whipround.outcomes import Outcome as Word

pytestmark = pytest.mark.anyio

APPROVED, DECLINED, PENDING, NEVER = Word("approved"), Word("declined", "x"), Word("pending"), None

TEN = MXN("10.00")
SCRIPT = ScriptPage(title="Roof", url="https://example.org/roof", description="It leaks")


class Line(NamedTuple):
    """What a history says of one movement; `fee` only of what was paid."""

    type: str
    amount: str
    party: str
    description: str = "Lunch"
    fee: str = ""


@dataclass(frozen=True, slots=True)
class Purse:
    """Somebody with all that one can pay from."""

    person: Person
    card: UUID
    bank: UUID
    cards: UUID
    cash: UUID


@dataclass(frozen=True, slots=True)
class Play:
    """People, each with a card and a bank account. Paying by card costs 2 pesos, else 1."""

    scene: Scene
    ann: Purse
    ben: Purse
    granted: dict[UUID, Decimal] = field(default_factory=dict)

    async def fund(self, purse: Purse, money: Money) -> None:
        """Grant somebody money, which no history tells of."""
        await fund(self.scene.db, purse.person, money, now=self.scene.now)
        if money.currency == "MXN":
            before = self.granted.get(purse.person.id, Decimal(0))
            self.granted[purse.person.id] = before + money.amount

    def later(self, **passed: Any) -> "Play":
        """The same some time later."""
        return replace(self, scene=replace(self.scene, now=self.scene.now + timedelta(**passed)))

    async def at_once(self, *orders: Pay | PayShare) -> list[UUID | None]:
        """Have orders carried out for which nobody outside is asked; the payments."""
        server, made = self.scene.server(), []
        for each in orders:
            outcome = outcome_of(answered(await server.submit(each)))
            assert outcome.error is None, outcome
            made.append(outcome.payment_id)
        return made

    async def asked(self, *orders: Pay | PayShare) -> list[Processing]:
        """Orders that the outside is asked to carry out."""
        return [each for order in orders for each in await intended(self.scene, order)]

    async def told(self, asked: Processing, *words: Word | None) -> None:
        """What the outside says of one, in turn."""
        at = recorder(self.scene.db, self.scene)
        for word in words:
            await record(at, heard_later(asked, word))

    async def out(self, order: Pay | PayShare, *words: Word | None) -> Processing:
        """Have an order carried out by the outside, which says so."""
        [asked] = await self.asked(order)
        await self.told(asked, *words)
        return asked

    def from_wallet(self, payer: Purse, to: Purse | Address, money: Money = TEN) -> Pay:
        """An order to pay from the wallet."""
        return self.scene.order(payer.person, to.person if isinstance(to, Purse) else to, money)

    def by_card(self, payer: Purse, to: Purse | Address, money: Money = TEN) -> Pay:
        """An order to pay from a card."""
        return self.from_wallet(payer, to, money)._replace(funding_source_id=payer.card)

    def by_both(self, payer: Purse, to: Purse | Address, borne: str = "4.00") -> Pay:
        """An order to pay from a card, of which the wallet bears a part."""
        wallet = FromWallet(payer.person.wallet_id, Decimal(borne))
        return self.by_card(payer, to)._replace(means=Means(wallet=wallet))

    def withdrawal(self, owner: Purse, money: Money = TEN) -> Pay:
        """An order to pay out of the wallet to the bank."""
        return paying_out(self.scene, owner.person, owner.bank, money, description="Rent")

    def top_up(self, owner: Purse, source_id: UUID, **given: Any) -> Pay:
        """An order to pay into the own wallet."""
        wallet_id = owner.person.wallet_id
        said = {"funding_source_id": source_id, "description": "Top-up", **given}
        return paying_out(self.scene, owner.person, wallet_id, TEN, **said)

    async def prove(self, purse: Purse, address: Address) -> None:
        """The address is that person's."""
        async with self.scene.db.transaction() as tx:
            await claims.prove(tx, user_id=purse.person.id, addresses=[address], now=self.scene.now)

    async def close(self, purse: Purse, pool: UUID) -> None:
        """Pay out a pool of that person's."""
        async with self.scene.db.transaction() as tx:
            await closing.close(tx, owner_id=purse.person.id, pool_id=pool, now=self.scene.now)

    async def divide(
        self, payer: Purse, *to: Purse | Address, money: Money = TEN, **how: Any
    ) -> UUID:
        """Pay a crowd payment; `how` is as `crowd.plan` takes it."""
        people = [it.person if isinstance(it, Purse) else it for it in to]
        how.setdefault("page", SCRIPT)
        return await crowd.pay_crowd(
            self.scene.db, payer.person, money, *people, now=self.scene.now, **how
        )

    async def claim(self, pledge_id: UUID, *to: Purse | Address, money: Money = TEN) -> None:
        """A pledge of so much money is divided among those."""
        people = [it.person if isinstance(it, Purse) else it for it in to]
        parts = crowd.shares(money, *people)
        await crowd.claim(self.scene.db, pledge_id, parts, now=self.scene.now)

    async def revoke(self, payer: Purse, pledge_id: UUID) -> None:
        """The payer takes a pledge back."""
        async with self.scene.db.transaction() as tx:
            given: dict[str, Any] = {"keyring": self.scene.keyring, "now": self.scene.now}
            await pledges.revoke(tx, payer_id=payer.person.id, ids=[pledge_id], **given)

    async def take_back(self, payer: Purse, crowd_id: UUID, *positions: int) -> None:
        """The payer takes shares back that wait."""
        found = await rows(
            self.scene.db,
            "select number from crowd_share join payment on payment.id = payment_id"
            " where crowd_id = %s and position = any(%s)",
            crowd_id,
            list(positions),
        )
        async with self.scene.db.transaction() as tx:
            await unclaimed.revoke(
                tx,
                payer_id=payer.person.id,
                wallet_id=payer.person.wallet_id,
                numbers=[number for (number,) in found],
                keyring=self.scene.keyring,
                now=self.scene.now,
            )

    async def history(
        self, of: Purse, number: int = 1, limit: int = 100, currency: str = "MXN"
    ) -> Sequence[Income | Outcome]:
        """A page of somebody's history."""
        async with self.scene.db.transaction() as tx:
            return await history.page(
                tx, user_id=of.person.id, currency=currency, page=Page(number, limit)
            )

    async def lines(self, of: Purse, currency: str = "MXN") -> list[Line]:
        """All of a history, in short."""
        return [line(each) for each in await self.history(of, currency=currency)]

    async def statuses(self, of: Purse) -> list[str]:
        """How far all has come that somebody has paid."""
        return [each.status for each in await self.history(of) if isinstance(each, Outcome)]


def line(each: Income | Outcome) -> Line:
    """What is said of a movement."""
    fee = f"{each.fee.normalize():f}" if isinstance(each, Outcome) else ""
    amount = f"{each.amount.normalize():f}"
    return Line(each.type, amount, each.party, str(each.description), fee)


def new_address() -> Address:
    return ("email", new_email())


async def purse(scene: Scene, name: str) -> Purse:
    person = await scene.person(first_name=name, last_name="Dough")
    async with scene.db.transaction() as tx:
        cards = await once.source_of(tx, user_id=person.id, kind="card", now=scene.now)
        cash = await once.source_of(tx, user_id=person.id, kind="cash", now=scene.now)
    card, bank = await make_source(scene, person), await make_source(scene, person, "bank_account")
    return Purse(person, card, bank, cards, cash)


@pytest.fixture
async def play(scene: Scene) -> Play:
    rules = [
        FeeRule(kind, of, "MXN", "Fee", Decimal(0), Decimal(fixed), Decimal(0), None)
        for kind, of, fixed in (
            ("payment", "card", "2.00"),
            ("payment", "virtual", "1.00"),
            ("withdrawal", "virtual", "3.00"),
            ("top_up", "card", "2.00"),
        )
    ]
    async with scene.db.transaction() as tx:
        await fees.replace_rules(tx, rules)
        today = scene.now.date()
        await fx.replace_rates(tx, {"MXN": Decimal(20)}, published_on=today, now=scene.now)
    play = Play(scene, await purse(scene, "Ann"), await purse(scene, "Ben"))
    await play.fund(play.ann, MXN("1000.00"))
    return play


async def test_of_somebody_to_whom_nothing_has_happened_it_is_empty(play: Play) -> None:
    assert await play.history(play.ann) == []
    assert await play.history(play.ben) == []


async def test_payments_between_people_as_either_sees_them(play: Play) -> None:
    ann, ben = play.ann, play.ben
    ask = await make_request(play.scene, ben.person, ann.person, amount=MXN("7.00"))
    await play.at_once(play.from_wallet(ann, ben))
    await play.later(minutes=1).out(play.by_card(ann, ben), APPROVED)
    from_bank = play.by_card(ann, ben)._replace(funding_source_id=ann.bank, description="")
    await play.later(minutes=2).out(from_bank, PENDING, APPROVED)
    await play.later(minutes=3).at_once(paying(play.scene, ann.person, share_of(ask)))
    mixed = await play.later(minutes=4).out(play.by_both(ann, ben), APPROVED)

    assert await play.lines(ann) == [
        Line("wallet_to_user", "4", "Ben Dough", fee="1"),
        Line("card_to_user", "6", "Ben Dough", fee="2"),
        Line("wallet_to_user", "7", "Ben Dough", "Dinner", fee="1"),
        Line("card_to_user", "10", "Ben Dough", "", fee="0"),
        Line("card_to_user", "10", "Ben Dough", fee="2"),
        Line("wallet_to_user", "10", "Ben Dough", fee="1"),
    ]
    assert await play.lines(ben) == [
        Line("card_to_wallet", "6", "Ann Dough"),
        Line("user_to_wallet", "4", "Ann Dough"),
        Line("user_to_wallet", "7", "Ann Dough", "Dinner"),
        Line("card_to_wallet", "10", "Ann Dough", ""),
        Line("card_to_wallet", "10", "Ann Dough"),
        Line("user_to_wallet", "10", "Ann Dough"),
    ]
    [[number]] = await rows(
        play.scene.db, "select number from payment where id = %s", mixed.payment.id
    )
    of_mixed = (*(await play.history(ann))[:2], *(await play.history(ben))[:2])
    assert {each.number for each in of_mixed} == {number}
    assert {each.happened_at for each in of_mixed} == {play.scene.now + timedelta(minutes=4)}


async def test_pools_banks_and_top_ups(play: Play) -> None:
    ann, ben = play.ann, play.ben
    await rows(
        play.scene.db,
        "update bank_account set bank = 'BANCO' where funding_source_id = %s returning 1",
        ann.bank,
    )
    pool = await make_pool(play.scene, ben.person, currency="MXN", description="John's Birthday")
    share, has_come = into(pool, "5.00"), Means(has_come=True)
    given: dict[str, Any] = {"description": "Cake"}
    paid_in = paying(
        play.scene, ann.person, share, funding_source_id=ann.cash, means=has_come, **given
    )
    by_card = paying(play.scene, ann.person, share, funding_source_id=ann.card, **given)
    await play.at_once(paying(play.scene, ann.person, share, **given))
    await play.later(seconds=1).at_once(paid_in)
    await play.later(seconds=2).out(by_card, APPROVED)
    await play.later(minutes=1).close(ben, pool)
    await play.later(minutes=2).out(play.withdrawal(ann), APPROVED)
    [under_way] = await play.later(minutes=3).asked(play.withdrawal(ben))
    await play.later(minutes=4).out(play.top_up(ann, ann.card), APPROVED)
    cash = play.top_up(ann, ann.cash, means=has_come)
    await play.later(minutes=5).at_once(cash)

    assert await play.lines(ann) == [
        Line("card_to_wallet", "10", "Ann Dough", "Top-up"),
        Line("card_to_wallet", "10", "Ann Dough", "Top-up"),
        Line("wallet_to_account", "10", "BANCO", "Rent", fee="3"),
        Line("card_to_pool", "5", "John's Birthday", "Cake", fee="2"),
        Line("cash_to_pool", "5", "John's Birthday", "Cake", fee="0"),
        Line("wallet_to_pool", "5", "John's Birthday", "Cake", fee="1"),
    ]
    payout = Line("pool_to_wallet", "15", "John's Birthday", "John's Birthday")
    withdrawn = Line("wallet_to_account", "10", "Ben Dough", "Rent", fee="3")
    assert await play.lines(ben) == [withdrawn, payout]
    assert await play.statuses(ben) == ["pending"]
    await play.told(under_way, APPROVED)
    assert await play.statuses(ben) == ["paid"]


async def test_what_comes_to_nothing_was_nothing(play: Play) -> None:
    ann, ben = play.ann, play.ben
    pool = await make_pool(play.scene, ben.person, currency="MXN")
    for word in (DECLINED, NEVER):
        for order in (
            play.by_card(ann, ben),
            play.by_card(ann, new_address()),
            play.by_both(ann, new_address()),
            play.withdrawal(ann),
            play.top_up(ann, ann.card),
        ):
            await play.out(order, PENDING, word)
        share = paying(play.scene, ann.person, into(pool), funding_source_id=ann.card)
        await play.out(share, word)
    assert await play.history(ann) == []

    [pending, together] = await play.asked(play.by_card(ann, ben), play.by_both(ann, ben))
    await play.told(pending, PENDING)

    # What the wallet is to bear is there no more; the card has yet to be charged.
    assert await play.lines(ann) == [Line("wallet_to_user", "4", "Ben Dough", fee="1")]
    assert await play.statuses(ann) == ["pending"]
    assert await play.history(ben) == []
    await play.told(together, DECLINED)
    assert await play.history(ann) == []


async def test_what_nobody_has_proven_waits_and_comes_back(play: Play) -> None:
    ann, ben = play.ann, play.ben
    claimed, returned, own = new_address(), new_address(), new_address()
    await play.at_once(*(play.from_wallet(ann, each) for each in (claimed, returned, own)))
    by_card = await play.out(play.by_card(ann, claimed), APPROVED)
    await play.out(play.by_card(ann, returned), APPROVED)
    await play.out(play.by_both(ann, returned), APPROVED)
    waiting = await play.history(ann)

    assert len(waiting) == 7
    assert {each.party for each in waiting} == {claimed[1], returned[1], own[1]}
    assert await play.statuses(ann) == ["waiting"] * 7

    await play.later(days=1).prove(ben, claimed)
    await play.later(days=2).prove(ann, own)
    await claims.return_expired(play.scene.db, now=play.scene.now + UNCLAIMED_FOR)

    assert await play.lines(ben) == [
        Line("card_to_wallet", "10", "Ann Dough"),
        Line("user_to_wallet", "10", "Ann Dough"),
    ]
    newest, oldest = (await play.lines(ann))[:4], (await play.lines(ann))[4:]
    assert sorted(newest[:3]) == [
        Line("user_to_wallet", "11", returned[1], "Returned: Lunch"),
        Line("user_to_wallet", "12", returned[1], "Returned: Lunch"),
        Line("user_to_wallet", "13", returned[1], "Returned: Lunch"),
    ]
    assert newest[3] == Line("user_to_wallet", "10", "Ann Dough")
    statuses = {
        each.party: status for each, status in zip(oldest, await play.statuses(ann), strict=True)
    }
    assert statuses == {"Ben Dough": "paid", returned[1]: "returned", "Ann Dough": "paid"}
    times = [each.happened_at - play.scene.now for each in (await play.history(ann))[:4]]
    assert times == [UNCLAIMED_FOR] * 3 + [timedelta(days=2)]
    said = (await play.history(ann))[0].description
    assert isinstance(said, Message)
    assert (said.template, said.values) == ("Returned: {what}", {"what": "Lunch"})

    # What goes back to a card waits for the card, whatever it has waited for before.
    await give_back(play.later(days=3), ben, by_card.payment.id)
    assert await play.statuses(ben) == ["pending"]


async def test_what_could_not_land_and_what_the_bank_sent_back(play: Play) -> None:
    ann, ben = play.ann, play.ben
    pool = await make_pool(play.scene, ben.person, currency="MXN")
    share = paying(play.scene, ann.person, into(pool), funding_source_id=ann.card)
    [late, to_pool] = await play.asked(play.by_both(ann, ben), share)
    await play.told(late, NEVER)
    await play.later(minutes=1).close(ben, pool)
    await play.later(minutes=2).told(to_pool, APPROVED)
    await play.later(minutes=3).told(late, APPROVED)
    await play.later(minutes=4).out(play.top_up(ann, ann.card), NEVER, APPROVED)
    sent_back = await play.later(minutes=5).out(play.withdrawal(ann), APPROVED)
    await play.later(days=3).told(sent_back, DECLINED)

    assert await play.lines(ann) == [
        Line("user_to_wallet", "13", "Ann Dough", "Returned: Rent"),
        Line("wallet_to_account", "10", "Ann Dough", "Rent", fee="3"),
        Line("card_to_wallet", "12", "Ann Dough", "Returned: Top-up"),
        Line("user_to_wallet", "8", "Ben Dough", "Returned: Lunch"),
        Line("card_to_user", "6", "Ben Dough", fee="2"),
        Line("user_to_wallet", "8", "Gift", "Returned: Gift"),
        Line("card_to_pool", "6", "Gift", "Gift", fee="2"),
        # What the wallet was to bear came back when the payment was given up.
        Line("user_to_wallet", "5", "Ben Dough", "Returned: Lunch"),
        Line("wallet_to_user", "4", "Ben Dough", fee="1"),
    ]
    assert await play.statuses(ann) == ["returned"] * 4
    assert await play.history(ben) == []


async def test_refunds(play: Play) -> None:
    ann, ben = play.ann, play.ben
    [from_wallet] = await play.at_once(play.from_wallet(ann, ben))
    await refund(play.later(minutes=1).scene, ben.person, from_wallet, "5.00")
    to_card, came_back = [
        (await play.later(minutes=minute).out(play.by_card(ann, ben), APPROVED)).payment.id
        for minute in (2, 3)
    ]
    for payment_id, words in ((to_card, [APPROVED]), (came_back, [APPROVED, DECLINED])):
        await give_back(play.later(minutes=4), ben, payment_id, *words)
    top_up = await play.later(minutes=5).out(play.top_up(ann, ann.card), APPROVED)
    await give_back(play.later(minutes=6), ann, top_up.payment.id, APPROVED)

    mine = await play.history(ann)
    assert [line(each) for each in mine] == [
        Line("wallet_to_account", "10", "Ann Dough", "Refund: Top-up", fee="0"),
        Line("card_to_wallet", "10", "Ann Dough", "Top-up"),
        Line("user_to_wallet", "12", "Ben Dough", "Returned: Lunch"),
        Line("card_to_user", "10", "Ben Dough", fee="2"),
        Line("card_to_user", "10", "Ben Dough", fee="2"),
        Line("user_to_wallet", "5.5", "Ben Dough", "Returned: Lunch"),
        Line("wallet_to_user", "10", "Ben Dough", fee="1"),
    ]
    refunded = [each.refunded for each in mine if isinstance(each, Outcome)]
    assert refunded == [Decimal(0), Decimal(10), Decimal(10), Decimal(5)]
    assert [each for each in await play.lines(ben) if each.fee] == [
        Line("wallet_to_user", "10", "Ann Dough", "Refund: Lunch", fee="0"),
        Line("wallet_to_user", "10", "Ann Dough", "Refund: Lunch", fee="0"),
        Line("wallet_to_user", "5", "Ann Dough", "Refund: Lunch", fee="0"),
    ]


async def give_back(play: Play, by: Purse, payment_id: UUID, *words: Word | None) -> None:
    """A refund that goes to where it was charged, and what the outside says of it."""
    order = refund_order(by.person, payment_id)
    call_id = await make(play.scene.db, order, keyring=play.scene.keyring, now=play.scene.now)
    assert isinstance(call_id, UUID)
    for word in words:
        await recorder(play.scene.db, play.scene).submit(Settle(call_id, word))


async def test_of_a_conversion_each_side_sees_its_own_currency(play: Play) -> None:
    ann, ben = play.ann, play.ben
    await play.fund(ben, EUR("50.00"))
    [paid] = await play.at_once(
        play.from_wallet(ann, ben, EUR("1.00"))._replace(source_currency="MXN")
    )
    in_pesos = play.from_wallet(ben, ann, MXN("40.00"))._replace(source_currency="EUR")
    await play.later(minutes=1).at_once(in_pesos)
    euros = play.by_card(ben, ann, EUR("3.00"))
    await play.later(minutes=2).out(euros, APPROVED)
    await refund(play.later(minutes=3).scene, ben.person, paid)

    assert await play.lines(ann) == [
        Line("user_to_wallet", "21", "Ben Dough", "Returned: Lunch"),
        Line("user_to_wallet", "40", "Ben Dough"),
        Line("wallet_to_user", "20", "Ben Dough", fee="1"),
    ]
    assert await play.lines(ben) == []
    assert await play.lines(ben, "EUR") == [
        Line("wallet_to_user", "1", "Ann Dough", "Refund: Lunch", fee="0"),
        Line("card_to_user", "3", "Ann Dough", fee="0"),
        Line("wallet_to_user", "2", "Ann Dough", fee="0"),
        Line("user_to_wallet", "1", "Ann Dough"),
    ]
    assert (await play.history(ann))[2].refunded == Decimal(20)  # type: ignore[union-attr]


async def test_people_are_called_as_they_are_now_also_who_blocks(play: Play) -> None:
    await play.at_once(play.from_wallet(play.ann, play.ben))
    await rows(
        play.scene.db,
        "update users set first_name = 'Benedict' where id = %s returning 1",
        play.ben.person.id,
    )
    async with play.scene.db.transaction() as tx:
        between = {"user_id": play.ben.person.id, "other_user_id": play.ann.person.id}
        await relationships.block(tx, **between, now=play.scene.now)

    assert [each.party for each in await play.history(play.ann)] == ["Benedict Dough"]


async def test_pages_have_everything_once_in_order(play: Play) -> None:
    ann, ben = play.ann, play.ben
    # All at one time, as in one batch, and each of them two lines.
    asked = await play.asked(*(play.by_both(ann, ben) for _ in range(4)))
    at = recorder(play.scene.db, play.scene)
    await record(at, *(heard(each, APPROVED) for each in asked))
    await play.at_once(play.from_wallet(ann, ben))

    for of in (ann, ben):
        whole = await play.history(of)
        pages = [await play.history(of, number, limit=2) for number in range(1, 6)]
        assert len(whole) == 9
        assert [each for page in pages for each in page[:2]] == whole
        assert [len(page) for page in pages] == [3, 3, 3, 3, 1]
        assert await play.history(of, 6, limit=2) == []


async def test_clocks_that_disagree_lose_and_repeat_nothing(play: Play) -> None:
    for seconds in (3, 2, 1):  # as servers may post to one account at once
        order = play.from_wallet(play.ann, play.ben, MXN(f"{seconds}.00"))
        await play.later(seconds=seconds).at_once(order)

    shown = [(await play.history(play.ann, number, limit=1))[0] for number in (1, 2, 3)]

    assert [each.amount for each in shown] == [3, 2, 1]


async def test_a_crowd_payment_is_one_outcome_and_an_income_for_each(play: Play) -> None:
    ann, ben, cee = play.ann, play.ben, await purse(play.scene, "Cee")
    # Ben has two roles in it.
    crowd_id = await play.divide(ann, ben, cee, ben, roles=["Author", "Editor", "Editor"])
    paid = await crowd.shares_of(play.scene.db, crowd_id)

    assert await play.lines(ann) == [
        Line("wallet_to_user", "10", "Roof", "It leaks", fee="1"),
    ]
    assert await play.lines(ben) == [Line("user_to_wallet", "6.66666667", "Ann Dough", "Roof")]
    assert await play.lines(cee) == [Line("user_to_wallet", "3.33333333", "Ann Dough", "Roof")]

    await refund(play.later(minutes=1).scene, cee.person, paid[1])

    # What is finer than a peso's digits goes back whole, with its part of the fee.
    assert (await play.lines(cee))[0] == Line(
        "wallet_to_user", "3.33333333", "Ann Dough", "Refund: Roof", fee="0"
    )
    back, out = await play.history(ann)
    assert line(back) == Line("user_to_wallet", "3.66666666", "Cee Dough", "Returned: Roof")
    assert isinstance(out, Outcome)
    assert (out.status, out.refunded) == ("paid", Decimal("3.33333333"))
    [[number]] = await rows(play.scene.db, "select number from crowd_payment")
    everybodys = [each for of in (ann, ben, cee) for each in await play.history(of)]
    assert {each.number for each in everybodys} == {number}
    await expect_explained(play)


async def test_shares_that_nobody_has_proven_wait_and_come_back(play: Play) -> None:
    ann, ben = play.ann, play.ben
    claimed, own, revoked, expired = (
        new_address(),
        crowd.new_profile(),
        new_address(),
        new_address(),
    )
    crowd_id = await play.divide(ann, claimed, own, revoked, expired, weights=[4, 3, 2, 1])
    assert await play.statuses(ann) == ["waiting"]

    await play.later(days=1).prove(ben, claimed)
    await play.later(days=2).prove(ann, own)
    await play.later(days=3).take_back(ann, crowd_id, 2)
    assert await play.statuses(ann) == ["waiting"]
    await claims.return_expired(play.scene.db, now=play.scene.now + SHARES_UNCLAIMED_FOR)

    assert await play.statuses(ann) == ["paid"]
    assert await play.lines(ben) == [Line("user_to_wallet", "4", "Ann Dough", "Roof")]
    assert await play.lines(ann) == [
        Line("user_to_wallet", "1.1", expired[1], "Returned: Roof"),
        Line("user_to_wallet", "2.2", revoked[1], "Returned: Roof"),
        Line("user_to_wallet", "3", "Ann Dough", "Roof"),
        Line("wallet_to_user", "10", "Roof", "It leaks", fee="1"),
    ]
    assert len({each.number for of in (ann, ben) for each in await play.history(of)}) == 1
    await expect_explained(play)

    alone = await play.later(days=4).divide(ann, new_address(), new_address())
    await play.later(days=5).take_back(ann, alone, 0, 1)
    assert (await play.statuses(ann))[0] == "returned"


async def test_what_is_pledged_waits_and_is_paid_or_comes_back(play: Play) -> None:
    ann, ben = play.ann, play.ben
    claimed, revoked, _ = [await play.divide(ann, ben, pledge=True) for _ in range(3)]
    assert await play.statuses(ann) == ["waiting"] * 3
    assert await play.history(ben) == []

    await play.later(days=1).claim(claimed, ben, new_address())
    await play.later(days=2).revoke(ann, revoked)
    await pledges.expire(play.scene.db, now=play.scene.now + PLEDGED_FOR)

    returned = Line("user_to_wallet", "11", "Roof", "Returned: Roof")
    out = Line("wallet_to_user", "10", "Roof", "It leaks", fee="1")
    assert await play.lines(ann) == [returned, returned, out, out, out]
    assert sorted(await play.statuses(ann)) == ["returned", "returned", "waiting"]
    assert await play.lines(ben) == [Line("user_to_wallet", "5", "Ann Dough", "Roof")]
    await expect_explained(play)


async def test_what_a_crowd_payment_without_a_title_is_called(play: Play) -> None:
    ann, ben, nobody = play.ann, play.ben, new_address()
    to_page = ScriptPage(url="https://example.org/roof")
    people = [await purse(play.scene, name) for name in ("Cee", "Dan")]
    scripts: Sequence[tuple[ScriptPage, Sequence[Purse | Address], bool]] = (
        (to_page, (ben, *people), False),
        (to_page, (ben,), False),
        (to_page, (ben,), True),
        (ScriptPage(), (nobody,), False),
        (ScriptPage(message="Thanks"), (ben, nobody, *people), False),
    )
    for minute, (page, to, is_pledge) in enumerate(scripts):
        await play.later(minutes=minute).divide(ann, *to, page=page, pledge=is_pledge)

    shown = [(each.party, each.description) for each in await play.history(ann)]
    assert shown == [
        (f"Ben Dough, {nobody[1]}, Cee Dough, …", "Thanks"),
        (nobody[1], ""),
        (to_page.url, to_page.url),
        ("Ben Dough", to_page.url),
        (to_page.url, to_page.url),
    ]
    texts = {each.description for each in await play.history(ben)}
    assert texts == {"Thanks", to_page.url}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_history_explains_the_wallet(play: Play, seed: int) -> None:
    chance = Random(seed)
    for minute in range(30):
        await act(play.later(minutes=minute), chance)
    await expect_explained(play)

    await claims.return_expired(play.scene.db, now=play.scene.now + UNCLAIMED_FOR)
    await expect_explained(play)
    await claims.return_expired(play.scene.db, now=play.scene.now + SHARES_UNCLAIMED_FOR)
    await pledges.expire(play.scene.db, now=play.scene.now + PLEDGED_FOR)

    await expect_explained(play)
    found = await problems(play.scene.db)
    # What the outside pays once it was given up is for an operator; no wallet has to do with it.
    assert [each for each in found if not each.endswith(" overpaid")] == []


async def expect_explained(play: Play) -> None:
    """What came into each wallet less what went out, with the fees, is there."""
    for each in (play.ann, play.ben):
        explained = play.granted.get(each.person.id, Decimal(0))
        for it in await play.history(each):
            if isinstance(it, Income):
                explained += it.amount
            elif it.type.startswith("wallet_"):
                explained -= it.amount + it.fee
        assert explained == await held(play.scene.db, each.person, "MXN")


Act = Callable[[Play, Random, Purse, Purse], Awaitable[object]]

WORDS: Sequence[Sequence[Word | None]] = (
    [APPROVED],
    [PENDING, APPROVED],
    [DECLINED],
    [PENDING],
    [],
    [NEVER, APPROVED],
    [APPROVED, DECLINED],
)


async def act(play: Play, chance: Random) -> None:
    """Something happens between the two."""
    payer, other = chance.sample((play.ann, play.ben), 2)
    if await held(play.scene.db, payer.person, "MXN") < 50:
        await play.fund(payer, MXN("100.00"))
    await chance.choice(ACTS)(play, chance, payer, other)


async def _pay(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    address = new_address()
    to = chance.choice((other, address))
    await play.at_once(play.from_wallet(payer, to, MXN(chance.choice(("10.00", "0.07")))))
    if chance.random() < 0.5:
        await play.prove(chance.choice((payer, other)), address)


async def _pay_outside(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    address = new_address()
    to = chance.choice((other, address))
    order = chance.choice(
        (
            play.by_card(payer, to),
            play.by_both(payer, to),
            play.withdrawal(payer),
            play.top_up(payer, payer.card),
        )
    )
    [asked] = await play.asked(order)
    if chance.random() < 0.3:
        await play.prove(other, address)
    await play.told(asked, *chance.choice(WORDS))


async def _share(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    pool = await make_pool(play.scene, other.person, currency="MXN")
    ask = await make_request(play.scene, other.person, payer.person, amount=TEN)
    share = chance.choice((share_of(ask), into(pool)))
    await pay_shares(play.scene, paying(play.scene, payer.person, into(pool)))
    [asked] = await play.asked(
        paying(play.scene, payer.person, share, funding_source_id=payer.card)
    )
    if chance.random() < 0.6:
        await play.close(other, pool)
    await play.told(asked, *chance.choice(WORDS))


async def _refund(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    if chance.random() < 0.5:
        [payment_id] = await play.at_once(play.from_wallet(payer, other))
        assert payment_id is not None
        order = refund_order(other.person, payment_id, chance.choice((None, "3.33")))
        await carried_out(play.scene, order)
        return
    asked = await play.out(play.by_card(payer, other), APPROVED)
    await give_back(play, other, asked.payment.id, *chance.choice(WORDS))


async def _convert(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    await play.fund(payer, EUR("5.00"))
    money, source_currency = chance.choice(((EUR("1.00"), "MXN"), (MXN("1.00"), "EUR")))
    order = play.from_wallet(payer, chance.choice((other, new_address())), money)
    await play.at_once(order._replace(source_currency=source_currency))


async def _crowd(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    addresses = [new_address(), crowd.new_profile(), new_address()]
    crowd_id = await play.divide(
        payer, other, *addresses, other, roles=list("abcde"), weights=[3, 1, 2, 1, 7]
    )
    if chance.random() < 0.6:
        await play.prove(chance.choice((payer, other)), chance.choice(addresses))
    if chance.random() < 0.5:
        await play.take_back(payer, crowd_id, *chance.sample(range(5), 2))
    if chance.random() < 0.5:
        paid = await crowd.shares_of(play.scene.db, crowd_id)
        amount = chance.choice((None, "0.33"))
        await carried_out(play.scene, refund_order(other.person, chance.choice(paid), amount))


async def _pledge(play: Play, chance: Random, payer: Purse, other: Purse) -> None:
    pledge_id = await play.divide(payer, other, pledge=True)
    become = chance.random()
    if become < 0.5:
        await play.claim(pledge_id, other, new_address(), crowd.new_profile())
    elif become < 0.8:
        await play.revoke(payer, pledge_id)


ACTS: Sequence[Act] = (
    _pay,
    _pay_outside,
    _pay_outside,
    _share,
    _refund,
    _convert,
    _crowd,
    _crowd,
    _pledge,
)
