"""Cards and accounts become known to their processor, whatever comes between two steps."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.flows.outside import ACCEPTED, CutOff, Outside, registering
from tests.money import new_key, rows
from tests.people import last_code, make_user
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer, InProgress, RequestKey
from whipround.domain import throttles
from whipround.domain.funding import creation, reading, registration
from whipround.domain.funding.creation import (
    MOST_SOURCES,
    NewBankAccount,
    NewCard,
    NewCryptoAddress,
    NewDetails,
    NewSource,
)
from whipround.domain.funding.reading import FundingSource
from whipround.domain.users.person import User
from whipround.errors import DomainError, Invalid, Throttled
from whipround.flows import calls, registrations
from whipround.flows.desk import Desk
from whipround.gateways.processors.protocol import (
    CardDetails,
    OutcomeUnknown,
    ProcessorUnavailable,
    Registered,
    Registration,
)
from whipround.keyring import Keyring
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

CARD = NewCard("VISA", "4242", 12, 2030, "tok_of_the_card")
ACCOUNT = NewBankAccount("UK", "MIDLGB22", "GB98MIDL07009312345678", "12345678", "", "")
ADDRESS = NewCryptoAddress("BTC", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")
DECLINED = Outcome("declined", "card_declined")


def render(outcome: FundingSource | DomainError) -> Answer:
    """The answer, as a dialect would make one."""
    if isinstance(outcome, DomainError):
        return Answer(400, outcome.code.encode())
    return Answer(201, f"{outcome.id} {outcome.status}".encode())


async def render_in(_: Tx, outcome: FundingSource | DomainError) -> Answer:
    """The same in a transaction."""
    return render(outcome)


@dataclass(frozen=True, slots=True)
class Office:
    """Somebody who adds funding sources, and the processor that is asked about them."""

    desk: Desk
    outside: Outside
    user: User
    now: datetime

    @property
    def db(self) -> Database:
        return self.desk.db

    async def add(
        self, details: NewDetails = CARD, *, key: RequestKey | None = None, **given: Any
    ) -> str:
        """Add a funding source; the answer as text."""
        names = {NewCard: "card", NewBankAccount: "savings_account"}
        type_name = names.get(type(details), "crypto_address")
        said: dict[str, Any] = {
            "new": NewSource(type_name, "Mine", "", details),
            "limit_multiplier": 10,
            **given,
        }
        answer = await registrations.register(
            self.desk,
            key=key or new_key(),
            user_id=self.user.id,
            render=render,
            now=self.now,
            **said,
        )
        return answer.body.decode()

    async def sweep(self) -> None:
        """What the schedule does, once every lease is over."""
        [(due,)] = await rows(self.db, "select max(due_at) from gateway_call")
        assert await calls.sweep(self.desk, now=due) == 1

    async def sources(self) -> list[FundingSource]:
        """What was added, that is still there."""
        sql = """
            select id from funding_source
            where type <> 'virtual' and deleted_at is null order by created_at, id
        """
        async with self.db.transaction() as tx:
            return [
                await reading.get(tx, user_id=self.user.id, id_=id_)
                for (id_,) in await rows(self.db, sql)
            ]

    async def calls(self) -> list[tuple[str, int | None]]:
        """The status of every call, and the number of the request that waits for it."""
        found = await rows(self.db, "select status, request_number from gateway_call order by id")
        return [(status, number) for status, number in found]

    async def sealed(self) -> list[str | None]:
        """What the processor knows the sources by."""
        found = await rows(
            self.db,
            "select id, sealed from card union all select id, sealed from bank_account order by id",
        )
        return [self.desk.keyring.unseal(id_, it) if it else None for id_, it in found]


@pytest.fixture
async def office(db: Database, keyring: Keyring, now: datetime) -> Office:
    outside = Outside()
    desk = registering(db, outside, keyring=keyring)
    return Office(desk, outside, await make_user(db, keyring=keyring, now=now), now)


async def test_an_accepted_card_is_enabled_and_a_code_goes_out(office: Office) -> None:
    said = await office.add()

    [source], [asked] = await office.sources(), office.outside.asked
    assert said == f"{source.id} enabled"
    assert (source.type, source.type_name, source.gateway) == ("card", "card", "outside")
    assert (source.allows_in, source.allows_out, source.verified_at) == (False, True, None)
    [(call_id, due_at)] = await rows(office.db, "select id, due_at from gateway_call")
    assert asked == Registration(
        key=call_id,
        kind="card",
        user_id=office.user.id,
        product_id=office.desk.product_id,
        token="tok_of_the_card",
        holder="John Dough",
        details={},
    )
    assert await office.calls() == [("approved", None)]
    assert due_at is None
    assert await office.sealed() == ["ref_secret"]
    [(channel, kind, data)] = await rows(office.db, "select channel, kind, data from outbox")
    assert (channel, kind, data["description"]) == ("statement", "funding_source_code", "Mine")
    assert await last_code(office.db, str(source.id)) == data["code"]


async def test_an_account_waits_for_its_code(office: Office) -> None:
    said = await office.add(ACCOUNT)

    [source], [asked] = await office.sources(), office.outside.asked
    assert said == f"{source.id} pending"
    assert source.type_name == "savings_account"
    assert source.bank_account is not None
    assert not source.bank_account.enabled
    assert (asked.kind, asked.token) == ("bank_account", "")
    assert asked.details == {
        "country": "UK",
        "swift": "MIDLGB22",
        "iban": "GB98MIDL07009312345678",
        "account_number": "12345678",
    }
    assert await office.sealed() == ["ref_secret"]


async def test_a_processor_may_know_whose_it_is_and_more(office: Office) -> None:
    office.outside.says = Registered(
        "ref", is_verified=True, card=CardDetails("Acme", "0001", "credit", 3, 2031)
    )

    for details in (CARD, replace(ACCOUNT, token="btok_1")):
        assert (await office.add(details)).endswith("enabled")

    card, account = await office.sources()
    assert (card.verified_at, account.verified_at) == (office.now, office.now)
    assert card.card is not None
    assert (card.card.brand, card.card.masked_number, card.card.type) == (
        "Acme",
        "**** **** **** 0001",
        "credit",
    )
    assert (card.card.expiration_month, card.card.expiration_year) == (3, 2031)
    assert account.bank_account is not None
    assert account.bank_account.enabled
    assert office.outside.asked[1].token == "btok_1"
    assert await rows(office.db, "select 1 from outbox") == []


async def test_what_is_declined_is_rejected_and_its_token_forgotten(office: Office) -> None:
    office.outside.says = DECLINED
    key = new_key()

    assert [await office.add(key=key) for _ in range(2)] == ["gateway_declined"] * 2

    [source] = await office.sources()
    assert source.status == "rejected"
    assert source.card is not None
    assert source.card.status == "rejected"
    assert await office.sealed() == [None]
    assert len(office.outside.asked) == 1
    assert await rows(office.db, "select status, error_code from gateway_call") == [
        ("declined", "card_declined")
    ]
    assert await rows(office.db, "select 1 from outbox") == []


async def test_without_a_processor_nothing_is_left_behind(office: Office) -> None:
    office.outside.says = ProcessorUnavailable()
    key = new_key()

    assert [await office.add(key=key) for _ in range(2)] == ["gateway_unavailable"] * 2

    assert (await office.sources(), await office.sealed()) == ([], [None])
    assert await office.calls() == [("cancelled", None)]
    office.outside.says = ACCEPTED
    assert (await office.add()).endswith("enabled")


async def test_no_word_is_pending_until_there_is_one(office: Office) -> None:
    office.outside.says = OutcomeUnknown()
    key = new_key()
    said = await office.add(key=key)
    [pending] = await office.sources()
    assert said == f"{pending.id} pending"
    # What its owner has been told of does not vanish.
    for says in (OutcomeUnknown(), ProcessorUnavailable()):
        office.outside.says = says
        await office.sweep()
    assert await office.calls() == [("open", None)]

    office.outside.says = ACCEPTED
    await office.sweep()

    [source] = await office.sources()
    assert (source.id, source.status) == (pending.id, "enabled")
    assert await office.sealed() == ["ref_secret"]
    assert len({asked.key for asked in office.outside.asked}) == 1
    assert {asked.token for asked in office.outside.asked} == {"tok_of_the_card"}
    assert await office.add(key=key) == said


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (ACCEPTED, "enabled"),
        (DECLINED, "gateway_declined"),
        (ProcessorUnavailable(), "gateway_unavailable"),
    ],
    ids=["accepted", "declined", "unavailable"],
)
async def test_what_was_cut_off_is_answered_once_the_sweep_has_settled_it(
    office: Office, says: Registered | Outcome | Exception, expected: str
) -> None:
    office.outside.says = CutOff()
    key = new_key()
    with pytest.raises(CutOff):
        await office.add(key=key)
    with pytest.raises(InProgress):
        await office.add(key=key)

    office.outside.says = says
    await office.sweep()

    said = await asyncio.gather(*(office.add(key=key) for _ in range(3)))
    assert said == [said[0]] * 3
    assert said[0].endswith(expected)
    assert len(await office.sources()) == (expected != "gateway_unavailable")
    assert len({asked.key for asked in office.outside.asked}) == 1


async def test_settling_at_once_and_again_records_once(office: Office) -> None:
    office.outside.says = CutOff()
    with pytest.raises(CutOff):
        await office.add(ACCOUNT)
    office.outside.says = ACCEPTED
    [(call_id,)] = await rows(office.db, "select id from gateway_call")

    answers = await asyncio.gather(
        *(
            registrations.settle(office.desk, call_id, render=render_in, now=office.now)
            for _ in range(5)
        )
    )

    assert len([it for it in answers if it is not None]) == 1
    assert await rows(office.db, "select count(*) from outbox") == [(1,)]
    assert await rows(office.db, "select count(*) from request_answer") == [(1,)]
    again = await registrations.settle(office.desk, call_id, render=render_in, now=office.now)
    assert again is None


async def test_the_sweep_may_come_before_the_request(office: Office) -> None:
    """The processor takes so long that the sweep asks, too, and is answered first."""
    office.outside.meanwhile = office.sweep

    said = await office.add()

    [source] = await office.sources()
    assert said == f"{source.id} enabled"
    assert len(office.outside.asked) == 2
    assert await rows(office.db, "select count(*) from outbox") == [(1,)]


async def test_two_requests_with_one_key_add_one(office: Office) -> None:
    key = new_key()

    said = await asyncio.gather(*(office.add(key=key) for _ in range(4)), return_exceptions=True)

    [source] = await office.sources()
    assert {it for it in said if isinstance(it, str)} == {f"{source.id} enabled"}
    assert all(isinstance(it, str | InProgress) for it in said)
    assert await office.add(key=key) == f"{source.id} enabled"


async def test_a_crypto_address_is_kept_without_asking_anybody(office: Office) -> None:
    key = new_key()

    said = [await office.add(ADDRESS, key=key) for _ in range(2)]

    [source] = await office.sources()
    assert said == [f"{source.id} disabled"] * 2
    assert (source.gateway, source.allows_in, source.allows_out) == ("", False, False)
    assert source.crypto_address is not None
    assert (source.crypto_address.currency, source.crypto_address.address) == (
        ADDRESS.currency,
        ADDRESS.address,
    )
    assert (office.outside.asked, await office.calls()) == ([], [])


async def test_a_person_has_so_many_sources(office: Office) -> None:
    for _ in range(MOST_SOURCES - 1):  # and the wallet
        await office.add(ADDRESS)
    key = new_key()

    refused = [await office.add(key=key), await office.add(ADDRESS)]

    assert refused == ["limit_exceeded"] * 2
    assert len(await office.sources()) == MOST_SOURCES - 1
    assert office.outside.asked == []
    await rows(
        office.db,
        "update funding_source set deleted_at = now() where type <> 'virtual' returning 1",
    )
    assert await office.add(key=key) == "limit_exceeded"
    assert (await office.add()).endswith("enabled")


async def test_a_person_adds_so_many_a_day(office: Office) -> None:
    for _ in range(throttles.SOURCES_PER_USER.count):
        await office.add(ADDRESS, limit_multiplier=1)
    key = new_key()

    with pytest.raises(Throttled):
        await office.add(key=key, limit_multiplier=1)

    assert office.outside.asked == []
    tomorrow = replace(office, now=office.now + timedelta(days=1))
    assert (await tomorrow.add(key=key, limit_multiplier=1)).endswith("enabled")


async def test_a_type_that_is_gone(office: Office) -> None:
    key = new_key()
    for type_name in ("piggy_bank", "bank_account"):
        with pytest.raises(Invalid, match="type"):
            await office.add(key=key, new=NewSource(type_name, "Mine", "", CARD))
    assert (await office.add(key=key)).endswith("enabled")


async def test_no_repr_tells_a_secret(office: Office) -> None:
    office.outside.says = CutOff()
    with pytest.raises(CutOff):
        await office.add(replace(ACCOUNT, token="btok_secret"))
    [(call_id,)] = await rows(office.db, "select id from gateway_call")

    async with office.db.transaction() as tx:
        found = await registration.find(tx, call_id=call_id, keyring=office.desk.keyring)

    assert "btok_secret" not in repr(found) + repr(replace(ACCOUNT, token="btok_secret"))
    assert "tok_of_the_card" not in repr(NewSource("card", "Mine", "", CARD))
    assert creation.gateway_for(ACCOUNT) == "banks"
    assert isinstance(call_id, UUID)
