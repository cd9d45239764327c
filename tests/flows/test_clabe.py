"""A person's CLABE: changed with other things, asked of its bank, and seen once that said yes."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.flows.outside import ACCEPTED, CutOff, Outside, registering
from tests.money import new_key, rows
from tests.people import make_user
from whipround.db.database import Database, Tx
from whipround.db.request_keys import Answer, InProgress, RequestKey
from whipround.domain.funding import clabe
from whipround.domain.funding.creation import MOST_SOURCES, NewBankAccount, NewSource
from whipround.domain.funding.reading import FundingSource
from whipround.domain.users.person import User
from whipround.errors import Declined, DomainError, Invalid
from whipround.flows import calls, registrations
from whipround.flows import clabe as flow
from whipround.flows.desk import Desk
from whipround.gateways.processors.protocol import (
    OutcomeUnknown,
    ProcessorUnavailable,
)
from whipround.keyring import Keyring
from whipround.outcomes import Outcome

pytestmark = pytest.mark.anyio

BANAMEX = "002010077777777771"
BBVA = "012180502742985873"


def _word(error: DomainError) -> str:
    return error.errors[0].field if isinstance(error, Invalid) else error.code


@dataclass(frozen=True, slots=True)
class Branch:
    """Somebody who changes their CLABE, and the bank that is asked about it."""

    desk: Desk
    outside: Outside
    user: User
    now: datetime

    @property
    def db(self) -> Database:
        return self.desk.db

    async def change(
        self, number: str | None = None, bank: str | None = None, *, key: RequestKey | None = None
    ) -> str:
        """Change it, and the preferences with it; the answer as text."""

        async def act(tx: Tx, request_number: int) -> Answer | UUID:
            await tx.execute("update users set preferences = 'changed'")
            call_id = await clabe.change(
                tx,
                user_id=self.user.id,
                number=number,
                bank=bank,
                request_number=request_number,
                processor_name="outside",
                keyring=self.desk.keyring,
                now=self.now,
                limit_multiplier=100,
            )
            return call_id or Answer(200, (await self.shown(tx)).encode())

        async def render(tx: Tx, error: DomainError | None) -> Answer:
            if error is not None:
                return Answer(422, _word(error).encode())
            return Answer(200, (await self.shown(tx)).encode())

        def refuse(error: DomainError) -> Answer | None:
            return Answer(422, _word(error).encode()) if isinstance(error, Declined) else None

        answer = await flow.carry_out(
            self.desk, key=key or new_key(), act=act, render=render, refuse=refuse, now=self.now
        )
        return answer.body.decode()

    async def shown(self, tx: Tx) -> str:
        """The CLABE that others are shown."""
        found = await clabe.of(tx, user_id=self.user.id)
        return f"{found.number} {found.bank}" if found else "none"

    async def has(self) -> str:
        async with self.db.transaction() as tx:
            return await self.shown(tx)

    async def add_elsewhere(self, number: str) -> str:
        """Add it as Memento does; its id."""
        details = NewBankAccount("MX", "", "", number, "", "")

        def render(outcome: FundingSource | DomainError) -> Answer:
            assert isinstance(outcome, FundingSource)
            return Answer(201, str(outcome.id).encode())

        answer = await registrations.register(
            self.desk,
            key=new_key(),
            user_id=self.user.id,
            new=NewSource("bank_account", "Mine", "", details),
            render=render,
            now=self.now,
            limit_multiplier=100,
        )
        return answer.body.decode()

    async def sweep(self) -> None:
        [(due,)] = await rows(self.db, "select max(due_at) from gateway_call")
        assert await calls.sweep(self.desk, now=due) == 1

    async def sources(self) -> list[tuple[Any, ...]]:
        """The accounts that are still there, the oldest first."""
        sql = """
            select account_number, status, allows_in, allows_out
            from funding_source join bank_account on funding_source_id = funding_source.id
            where deleted_at is null order by funding_source.created_at, funding_source.id
        """
        return await rows(self.db, sql)


@pytest.fixture
async def branch(db: Database, keyring: Keyring, now: datetime) -> Branch:
    outside = Outside()
    desk = registering(db, outside, keyring=keyring)
    return Branch(desk, outside, await make_user(db, keyring=keyring, now=now), now)


async def test_it_is_paid_out_to_and_needs_no_code(branch: Branch) -> None:
    key = new_key()

    said = [await branch.change(BANAMEX, key=key) for _ in range(2)]

    assert said == [f"{BANAMEX} Banamex"] * 2
    assert await branch.sources() == [(BANAMEX, "enabled", True, False)]
    [asked] = branch.outside.asked
    assert (asked.kind, asked.token) == ("bank_account", "")
    assert asked.details == {"country": "MX", "account_number": BANAMEX}
    assert await rows(branch.db, "select 1 from outbox") == []
    assert await rows(
        branch.db, "select description, verified_at from funding_source where type = 'bank_account'"
    ) == [("Banamex", None)]


async def test_its_bank_is_called_as_its_owner_says(branch: Branch) -> None:
    with pytest.raises(Invalid) as caught:
        await branch.change(bank="Bank of Mexico")
    assert caught.value.errors[0].field == "clabe"
    assert await branch.change(bank="") == await branch.change("", "") == "none"
    with pytest.raises(Invalid):
        await branch.change("", "Bank of Mexico")

    assert await branch.change(BANAMEX, "Bank of Mexico") == f"{BANAMEX} Bank of Mexico"
    assert await branch.change(bank="My bank") == f"{BANAMEX} My bank"
    assert await branch.change(BANAMEX) == f"{BANAMEX} My bank"
    assert await branch.change(BANAMEX, "") == f"{BANAMEX} Banamex"
    assert await branch.change() == f"{BANAMEX} Banamex"

    assert len(branch.outside.asked) == 1


async def test_the_newest_takes_the_place_of_the_one_before(branch: Branch) -> None:
    await branch.change(BANAMEX)

    assert await branch.change(BBVA) == f"{BBVA} BBVA Mexico"

    assert [number for number, *_ in await branch.sources()] == [BBVA]
    assert await branch.change("") == "none"
    assert await branch.sources() == []


async def test_one_that_money_is_on_its_way_to_stays(branch: Branch) -> None:
    await branch.change(BANAMEX)
    sql = """
        insert into pool (id, owner_id, funding_source_id, account_id, currency, description,
            detailed_description, hashtag, meta, is_public, only_owner_sees_participants,
            has_unique_participants, allows_optional_amount, status, fulfillment_status,
            created_at, updated_at)
        select %(id)s, user_id, id, %(id)s, 'MXN', '', '', '', '', true, false, false, true,
            'open', 'unfulfilled', now(), now()
        from funding_source where type = 'bank_account'
    """
    async with branch.db.transaction() as tx:
        await tx.execute(sql, {"id": uuid7()})

    with pytest.raises(Invalid) as caught:
        await branch.change("")
    assert caught.value.errors[0].field == "clabe"
    assert await branch.change(BBVA) == f"{BBVA} BBVA Mexico"

    assert [number for number, *_ in await branch.sources()] == [BANAMEX, BBVA]


async def test_one_that_was_added_elsewhere_is_seen_once_it_is_verified(branch: Branch) -> None:
    await branch.change(BANAMEX)
    added = await branch.add_elsewhere(BBVA)
    assert await branch.has() == f"{BANAMEX} Banamex"
    sql = "update funding_source set status = 'enabled' where id = %s returning 1"
    await rows(branch.db, sql, added)
    assert await branch.has() == f"{BBVA} BBVA Mexico"

    # It is made anew here, and that of Memento stays.
    assert await branch.change(BANAMEX) == f"{BANAMEX} Banamex"
    expected = [(BBVA, "enabled", True, True), (BANAMEX, "enabled", True, False)]
    assert await branch.sources() == expected
    other = await make_user(branch.db, keyring=branch.desk.keyring, now=branch.now)
    async with branch.db.transaction() as tx:
        found = [await clabe.of(tx, user_id=id_) for id_ in (branch.user.id, other.id)]
    assert [it and it.number for it in found] == [BANAMEX, None]

    assert await branch.change("") == "none"
    assert await branch.sources() == []


@pytest.mark.parametrize(
    ("says", "expected"),
    [(Outcome("declined", "refused"), "clabe"), (ProcessorUnavailable(), "gateway_unavailable")],
    ids=["declined", "unavailable"],
)
async def test_what_the_bank_does_not_take_leaves_the_former(
    branch: Branch, says: Outcome | Exception, expected: str
) -> None:
    await branch.change(BANAMEX)
    branch.outside.says = says
    key = new_key()

    said = [await branch.change(BBVA, key=key) for _ in range(2)]

    assert said == [expected] * 2
    assert await branch.has() == f"{BANAMEX} Banamex"
    assert await rows(branch.db, "select preferences from users") == [("changed",)]
    branch.outside.says = ACCEPTED
    assert await branch.change(BBVA) == f"{BBVA} BBVA Mexico"


@pytest.mark.parametrize("says", [CutOff(), OutcomeUnknown()], ids=["cut off", "unknown"])
async def test_without_word_it_is_seen_once_there_is_some(branch: Branch, says: Exception) -> None:
    await branch.change(BANAMEX)
    branch.outside.says = says
    key = new_key()
    if isinstance(says, CutOff):
        with pytest.raises(CutOff):
            await branch.change(BBVA, key=key)
        with pytest.raises(InProgress):
            await branch.change(BBVA, key=key)
        expected = f"{BBVA} BBVA Mexico"
    else:
        assert await branch.change(BBVA, key=key) == f"{BANAMEX} Banamex"
        expected = f"{BANAMEX} Banamex"  # what was said then
    with pytest.raises(Invalid):
        await branch.change("")  # it may be there any moment

    branch.outside.says = ACCEPTED
    await branch.sweep()

    assert await branch.has() == f"{BBVA} BBVA Mexico"
    assert [await branch.change(BBVA, key=key) for _ in range(2)] == [expected] * 2
    assert [number for number, *_ in await branch.sources()] == [BBVA]


async def test_an_earlier_one_that_its_bank_takes_later_does_not_count(branch: Branch) -> None:
    branch.outside.says = CutOff()
    key = new_key()
    with pytest.raises(CutOff):
        await branch.change(BANAMEX, key=key)
    branch.outside.says = ACCEPTED
    await branch.change(BBVA)

    await branch.sweep()

    assert [number for number, *_ in await branch.sources()] == [BBVA]
    assert await branch.change(BANAMEX, key=key) == f"{BBVA} BBVA Mexico"


async def test_two_at_once_leave_one(branch: Branch) -> None:
    await asyncio.gather(*(branch.change(number) for number in (BANAMEX, BBVA, BANAMEX, BBVA)))

    [(number, status, *_)] = await branch.sources()
    assert status == "enabled"
    assert (await branch.has()).startswith(number)


async def test_it_is_one_of_so_many_sources(branch: Branch) -> None:
    async with branch.db.transaction() as tx:
        for _ in range(MOST_SOURCES):
            await tx.execute(
                "insert into funding_source (id, user_id, type, type_name, description, allows_in,"
                " allows_out, status, created_at, updated_at) values (gen_random_uuid(), %s,"
                " 'crypto_address', 'crypto_address', '', false, false, 'disabled', now(), now())",
                [branch.user.id],
            )

    assert await branch.change(BANAMEX) == "limit_exceeded"

    assert branch.outside.asked == []
