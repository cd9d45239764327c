"""What time does, as jobs that procrastinate runs."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from uuid_utils.compat import uuid7

from tests.crowd import pledge
from tests.images import new_upload
from tests.jobs.conftest import until
from tests.money import EUR, Person
from tests.people import PIN, make_user, new_email
from tests.shares import new_pool
from whipround.db import request_keys
from whipround.db.database import Database
from whipround.db.outbox import Message, put
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain import fx, mailed_tokens, products, samples
from whipround.domain.crowd.commands import PLEDGED_FOR
from whipround.domain.funding import reading
from whipround.domain.funding.wallet import grant, wallet_of
from whipround.domain.installation import Installation
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.payments.commands import UNCLAIMED_FOR, Pay, Payment
from whipround.domain.pools import creation, exports
from whipround.domain.throttles import CODES_PER_CALLER, Charge, charge_apart
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.flows.deliveries import SandboxLane, sandbox_messages
from whipround.flows.studio import open_studio
from whipround.jobs import housekeeping
from whipround.jobs.housekeeping import PRUNED_AT_ONCE
from whipround.jobs.worker import run_worker
from whipround.keyring import Keyring
from whipround.money import Money
from whipround.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.processes]

OWNED = Money(Decimal("30.00"), "EUR")
PAID = Money(Decimal("20.00"), "EUR")


async def queue(installation: Installation, job: str) -> None:
    """Have the job run now, as its schedule would."""
    async with installation.db.of("jobs").transaction() as tx:
        await tx.execute(
            """
            select procrastinate_defer_jobs_v1(array[
                row('default', %s, 0, null, null, '{"timestamp": 0}', null)
            ]::procrastinate_job_to_defer_v1[])
            """,
            (job,),
        )


async def count(db: Database, table: str, condition: str = "true") -> int:
    async with db.transaction() as tx:
        cursor = await tx.execute(f"select count(*) from {table} where {condition}")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def pay_phone(
    db: Database, payer: User, phone: str, *, keyring: Keyring, at: datetime
) -> None:
    """The payer owns 30.00 EUR and sends 20.00 to a number nobody has proven."""

    def render(outcome: object) -> Answer:
        assert isinstance(outcome, Payment), outcome
        return Answer(201, b"")

    async with db.transaction() as tx:
        wallet_id = await wallet_of(tx, user_id=payer.id)
        await grant(tx, wallet_id=wallet_id, amounts=[OWNED], key=str(payer.id), now=at)
    order = Pay(
        key=RequestKey(uuid7().bytes, b""),
        payer_id=payer.id,
        payer_name="John Dough",
        pin=keyring.pin(payer.id, PIN),
        funding_source_id=wallet_id,
        recipient_address=("phone", phone),
        amount=PAID,
        source_currency=PAID.currency,
        description="Pizza",
        render=render,
    )
    async with db.transaction() as tx:
        assert await PaymentBatch(clock=lambda: at)(tx, [order]) == [Answer(201, b"")]


async def balance(db: Database, user: User) -> Decimal:
    async with db.transaction() as tx:
        wallet_id = await wallet_of(tx, user_id=user.id)
        held = (await reading.balances_of(tx, ids=[wallet_id]))[wallet_id]
    return {each.currency: each.amount for each in held}["EUR"]


async def test_money_that_nobody_claimed_goes_back(
    installation: Installation, settings: Settings, db: Database, keyring: Keyring
) -> None:
    now = datetime.now(UTC)
    email, phone = new_email(), "+3546112345"
    payer = await make_user(db, keyring=keyring, now=now, proven=Proven(email=email))
    await pay_phone(db, payer, phone, keyring=keyring, at=now - UNCLAIMED_FOR)
    async with db.transaction() as tx:
        someone = Person(payer, await wallet_of(tx, user_id=payer.id))
    await pledge(db, someone, EUR("1.00"), ("phone", phone), now=now - PLEDGED_FOR)
    assert await balance(db, payer) < OWNED.amount - PAID.amount

    async with run_worker(installation, settings):
        await queue(installation, "settle_unclaimed")

        async def is_back() -> bool:
            return await balance(db, payer) == OWNED.amount

        await until(is_back)

    told = await sandbox_messages(db, recipient=email, now=datetime.now(UTC))
    # Fee and all.
    assert {it.subject for it in told} == {"€1.01 returned to you", "€20.20 returned to you"}
    assert [phone in it.body for it in told].count(True) == 1


async def test_money_is_not_returned_early(
    installation: Installation, db: Database, keyring: Keyring
) -> None:
    now = datetime.now(UTC)
    payer = await make_user(db, keyring=keyring, now=now)
    at = now - UNCLAIMED_FOR + timedelta(minutes=1)
    await pay_phone(db, payer, "+3546112346", keyring=keyring, at=at)

    assert await housekeeping.settle_unclaimed(installation.db) == 0

    assert await balance(db, payer) <= OWNED.amount - PAID.amount


async def test_a_pool_ends_and_who_takes_part_in_it_is_mailed(
    installation: Installation, settings: Settings, db: Database, keyring: Keyring
) -> None:
    now, email = datetime.now(UTC), new_email()
    proven = Proven(email=new_email())
    owner = await make_user(db, keyring=keyring, now=now, proven=proven)
    async with db.transaction() as tx:
        wallet_id = await wallet_of(tx, user_id=owner.id)
    pool = new_pool(wallet_id, end_at=now + timedelta(milliseconds=1))
    async with db.transaction() as tx:
        pool_id = (await creation.create(tx, owner=owner, new=pool, keyring=keyring, now=now)).id
        await exports.ask(
            tx,
            owner_id=owner.id,
            pool_id=pool_id,
            email=email,
            format_="csv",
            locale="en",
            keyring=keyring,
            now=now,
        )

    async with run_worker(installation, settings):
        await queue(installation, "close_ended_pools")

        async def is_done() -> bool:
            return (
                await count(db, "pool", "status = 'closed'") == 1
                and await count(db, "pool_export", "sent_at is not null") == 1
            )

        await until(is_done)

    [message] = await sandbox_messages(db, recipient=email, now=datetime.now(UTC))
    assert message.data["attachment"]["name"] == "participants.csv"


async def take_keys(db: Database, number: int, *, at: datetime) -> None:
    keys = [RequestKey(uuid7().bytes, b"") for _ in range(number)]
    async with db.transaction() as tx:
        claims = await (await request_keys.take(tx, keys, now=at)).taken(tx)
        await request_keys.keep(tx, [(claims.number(key), Answer(200, b"")) for key in keys])


async def test_what_is_old_is_forgotten_and_nothing_else(
    installation: Installation, settings: Settings, db: Database, keyring: Keyring
) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=31)
    message = Message("email", "old@example.com", "login_code", "en", {"code": "123456"})
    for at in (old, now):
        await take_keys(db, PRUNED_AT_ONCE + 1, at=at)
        await charge_apart(db, [Charge(CODES_PER_CALLER, "x")], keyring=keyring, now=at)
        async with db.transaction() as tx:
            await put(tx, [message], now=at)
        await SandboxLane().deliver_some(db, now=at)
    studio = open_studio(settings, keyring=installation.keyring, sandbox=True)
    proven = Proven(email=new_email())
    owner = await make_user(db, keyring=keyring, now=now, proven=proven)
    uploads = [await new_upload(db, owner.id, now=at, studio=studio) for at in (old, now)]
    async with db.transaction() as tx:
        for at in (old, now):
            await mailed_tokens.make(
                tx, kind="password_reset", user_id=owner.id, email=new_email(), now=at
            )
    kept = {
        "mailed_token": 1,
        "request_key": await count(db, "request_key", "created_at > now() - interval '30 days'"),
        "throttle": await count(db, "throttle", "window_start > now() - interval '1 day'"),
        "sandbox_message": await count(
            db, "sandbox_message", "created_at > now() - interval '7 days'"
        ),
    }
    assert min(kept.values()) >= 1

    async with run_worker(installation, settings):
        for job in ("prune", "prune_pictures", "prune_group_pictures"):
            await queue(installation, job)

        async def is_pruned() -> bool:
            left = {table: await count(db, table) for table in kept}
            return left == kept and await count(db, "image") == 1

        await until(is_pruned)

    files = [await studio.store.get(studio.gallery.name(each), "ui") for each in uploads]
    assert [file is None for file in files] == [True, False]
    answers = await count(db, "request_answer")
    assert answers == kept["request_key"]


async def test_one_product_that_fails_keeps_no_other_from_its_turn(
    installation: Installation, db: Database
) -> None:
    now = datetime.now(UTC)
    broken = await products.add(installation.db, name="broken", now=now - timedelta(days=1))
    broken_db = installation.db.of(broken.schema_name)
    for each in (broken_db, db):
        await take_keys(each, 1, at=now - timedelta(days=31))
    async with broken_db.transaction() as tx:
        await tx.execute("alter table throttle rename to elsewhere")

    try:
        with pytest.raises(ExceptionGroup) as failed:
            await housekeeping.prune(installation.db)
    finally:
        async with broken_db.transaction() as tx:
            await tx.execute("alter table elsewhere rename to throttle")

    assert len(failed.value.exceptions) == 1
    old = "created_at < now() - interval '30 days'"
    assert await count(db, "request_key", old) == 0
    assert await housekeeping.prune(installation.db) == 0


async def test_a_sandbox_that_was_left_alone_has_rates_of_today(
    installation: Installation, db: Database, settings: Settings
) -> None:
    async with db.transaction() as tx:
        await tx.execute("update exchange_rate set published_on = published_on - 30")

    async def are_of_today() -> bool:
        async with db.transaction() as tx:
            return await fx.newest(tx) == datetime.now(UTC).date()

    assert not await are_of_today()
    async with run_worker(installation, settings):
        await until(are_of_today)
    with_rates = await count(db, "exchange_rate")
    assert with_rates == len(samples.PER_EURO)


async def test_jobs_that_came_to_nothing_are_forgotten(
    installation: Installation, settings: Settings
) -> None:
    jobs = installation.db.of("jobs")
    async with jobs.transaction() as tx:
        await tx.execute(
            """
            insert into procrastinate_jobs (task_name, queue_name)
            values ('died', 'default'), ('failed', 'default')
            """
        )
        await tx.execute(
            """
            update procrastinate_jobs
            set status = (case task_name when 'died' then 'doing' else 'failed' end)
                ::procrastinate_job_status
            where task_name in ('died', 'failed')
            """
        )
        await tx.execute("update procrastinate_events set at = now() - interval '8 days'")

    async with run_worker(installation, settings):
        await asyncio.sleep(0.2)
        await queue(installation, "prune")

        async def are_gone() -> bool:
            return await count(jobs, "procrastinate_jobs", "task_name in ('died', 'failed')") == 0

        await until(are_gone)

    assert await count(jobs, "procrastinate_jobs", "status = 'failed'") == 0
