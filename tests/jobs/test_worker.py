"""Workers for real: procrastinate, a PostgreSQL that goes away, mail that takes its time."""

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from tests.gateways.messages.fcm_server import fcm_server
from tests.gateways.messages.post import MailServer, mail_server
from tests.jobs.conftest import until
from tests.people import log_in, make_user, new_device
from whipround.db.database import Database
from whipround.db.outbox import Message, put
from whipround.domain.installation import Installation
from whipround.domain.notifications import Event, tell, words
from whipround.domain.users.proofs import Proven
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.jobs import worker as workers
from whipround.jobs.worker import run_worker, work
from whipround.money import Money
from whipround.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.processes]


async def write(db: Database, *recipients: str) -> None:
    data = {"amount": "6.00", "currency": "EUR", "payer": "Jon", "description": ""}
    messages = [Message("email", each, "payment_received", "en", data) for each in recipients]
    async with db.transaction() as tx:
        await put(tx, messages, now=datetime.now(UTC))


async def fetch(db: Database, query: str, *values: Any) -> Any:
    """One value."""
    async with db.transaction() as tx:
        [value] = await (await tx.execute(query, values)).fetchone() or [None]
    return value


async def is_delivered(db: Database) -> bool:
    return bool(await fetch(db, "select not exists (select from outbox)"))


async def ticks(installation: Installation) -> int:
    """The number of the last job that was queued."""
    jobs = installation.db.of("jobs")
    return int(await fetch(jobs, "select last_value from procrastinate_jobs_id_seq"))


async def is_idle(installation: Installation) -> bool:
    """Whether the queue has begun to tick, and no job is under way just now."""
    query = """
        select is_called and not exists (select from procrastinate_jobs)
        from procrastinate_jobs_id_seq
    """
    return bool(await fetch(installation.db.of("jobs"), query))


def with_mail(server: MailServer, settings: Settings) -> Settings:
    url = SecretStr(f"smtp://127.0.0.1:{server.port}")
    return settings.model_copy(update={"smtp_url": url, "mail_from": "pay@example.org"})


async def test_a_nudge_delivers_at_once(
    installation: Installation, settings: Settings, db: Database
) -> None:
    async with run_worker(installation, settings) as worker:
        await write(db, "jane@example.com")
        worker.nudge()
        async with asyncio.timeout(2):
            await until(partial(is_delivered, db))


async def test_without_a_nudge_the_schedule_delivers(
    installation: Installation, settings: Settings, db: Database
) -> None:
    async with run_worker(installation, settings):
        await asyncio.sleep(1)
        before = await ticks(installation)
        await write(db, "jane@example.com")
        await until(partial(is_delivered, db))

        # A tick that was under way may have seen it; the clock goes on all the same.
        async def has_ticked() -> bool:
            return await ticks(installation) > before

        await until(has_ticked)


async def test_jobs_go_on_when_the_clock_jumps(
    installation: Installation, settings: Settings
) -> None:
    began = datetime.now(UTC)
    with time_machine.travel(began, tick=True) as traveller:
        async with run_worker(installation, settings):
            for jump in (timedelta(0), timedelta(hours=-3), timedelta(days=365)):
                traveller.move_to(began + jump)
                before = await ticks(installation)
                await until(partial(_has_ticked, installation, before, times=2))
        total = await ticks(installation)

    assert total - before < 100  # nobody makes up for what there was no time for


async def _has_ticked(installation: Installation, before: int, *, times: int) -> bool:
    return await ticks(installation) >= before + times


async def test_a_real_installation_delivers_by_mail(
    installation: Installation, settings: Settings, db: Database
) -> None:
    real = replace(installation, sandbox=False)
    recipients = sorted(f"p{number}@example.com" for number in range(100))
    async with mail_server() as server:
        # Two workers at once, as in `serve` and `work`.
        async with (
            run_worker(real, with_mail(server, settings)) as worker,
            run_worker(real, with_mail(server, settings)) as other,
        ):
            await write(db, *recipients)
            worker.nudge()
            other.nudge()
            await until(partial(is_delivered, db))

        assert sorted(server.recipients) == recipients


# apprise loads all it knows, one part of which wants a module that Python is about to drop.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_a_real_installation_pushes_and_mails_who_has_no_device_left(
    installation: Installation, settings: Settings, db: Database, tmp_path: Path
) -> None:
    real, now = replace(installation, sandbox=False), datetime.now(UTC)
    users = []
    for token in ("here", "gone"):
        email = Proven(email=f"{token}@example.com")
        user = await make_user(db, keyring=real.keyring, now=now, proven=email)
        await log_in(db, user, now=now, device=new_device(gcm_device_token=token))
        users.append(user)
    async with mail_server() as server:
        with fcm_server() as fcm:
            fcm.says = {"gone": 404}
            pushing = {"fcm_key_file": fcm.key_file(tmp_path), "fcm_url": fcm.url}
            told = with_mail(server, settings).model_copy(update=pushing)
            async with run_worker(real, told) as worker:
                async with db.transaction() as tx:
                    data = words(Money(Decimal(6), "EUR"), payer="Jon", description="")
                    events = [
                        Event(user.id, "payment_received", uuid7(), None, data) for user in users
                    ]
                    await tell(tx, events, now=now)

                async def arrived() -> bool:
                    worker.nudge()
                    return await is_delivered(db)

                await until(arrived)

    assert (fcm.devices, server.recipients) == (["here"], ["gone@example.com"])


async def test_a_missing_channel_is_told_and_keeps_its_messages(
    installation: Installation,
    settings: Settings,
    db: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real = replace(installation, sandbox=False)
    error = "select last_error from outbox where recipient = 'kept@example.com'"
    async with run_worker(real, settings) as worker:
        await write(db, "kept@example.com")
        worker.nudge()

        async def is_told() -> bool:
            return await fetch(db, error) is not None

        await until(is_told)

    assert await fetch(db, error) == "mail cannot be sent: WHIPROUND_SMTP_URL is not set"
    for setting in ("WHIPROUND_SMTP_URL", "WHIPROUND_SMS_URL", "WHIPROUND_CALL_URL"):
        assert caplog.text.count(f"{setting} is not set") == 1
    await fetch(db, "delete from outbox returning id")


async def test_a_wrong_setting_is_told_before_anything_starts(
    installation: Installation, settings: Settings
) -> None:
    wrong = settings.model_copy(update={"smtp_url": SecretStr("mail.example.org")})

    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_SMTP_URL"):
        async with run_worker(replace(installation, sandbox=False), wrong):
            pytest.fail("it started")


async def test_stopping_finishes_what_is_under_way(
    installation: Installation, settings: Settings, db: Database
) -> None:
    real = replace(installation, sandbox=False)
    async with mail_server() as server:
        server.delay_seconds = 0.5
        async with run_worker(real, with_mail(server, settings)) as worker:
            await write(db, "jane@example.com")
            worker.nudge()

            async def is_talking() -> bool:
                return bool(server.talking)

            await until(is_talking)

        assert server.recipients == ["jane@example.com"]
        assert await is_delivered(db)


async def test_stopping_does_not_wait_for_ever(
    installation: Installation,
    settings: Settings,
    db: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "STOP_SECONDS", 0.1)
    real = replace(installation, sandbox=False)
    async with mail_server() as server:
        server.delay_seconds = 5
        async with run_worker(real, with_mail(server, settings)) as worker:
            await write(db, "jane@example.com")
            worker.nudge()

            async def is_talking() -> bool:
                return bool(server.talking)

            await until(is_talking)
            started_at = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started_at < 4

    # It comes again when its lease ends.
    due_at = await fetch(db, "delete from outbox returning due_at")
    assert due_at > datetime.now(UTC) + timedelta(minutes=3)


async def test_lost_connections_come_back(
    installation: Installation, settings: Settings, db: Database
) -> None:
    async with run_worker(installation, settings) as worker:
        await write(db, "jane@example.com")
        worker.nudge()
        await until(partial(is_delivered, db))
        await until(partial(is_idle, installation))
        async with await psycopg.AsyncConnection.connect(installation.conninfo) as outside:
            await outside.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )

        await _works_again(installation, db, worker)


async def test_a_killed_postgresql_comes_back(
    installation: Installation, settings: Settings, db: Database
) -> None:
    async with run_worker(installation, settings) as worker:
        await write(db, "jane@example.com")
        worker.nudge()
        await until(partial(is_delivered, db))
        await until(partial(is_idle, installation))
        postmaster = await fetch(db, "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")
        os.kill(int(postmaster), signal.SIGKILL)

        await _works_again(installation, db, worker)


async def _works_again(installation: Installation, db: Database, worker: workers.Worker) -> None:
    """Both halves: the outbox is drained, and the queue ticks."""

    async def is_written() -> bool:
        await write(db, "again@example.com")
        return True

    await until(is_written)
    worker.nudge()
    await until(partial(is_delivered, db))
    before = await ticks(installation)

    async def has_ticked() -> bool:
        return await ticks(installation) > before

    await until(has_ticked)


async def test_work_ends_by_signal(
    installation: Installation, settings: Settings, db: Database
) -> None:
    working = asyncio.create_task(work(installation, settings))
    await write(db, "jane@example.com")
    await until(partial(is_delivered, db))

    os.kill(os.getpid(), signal.SIGTERM)

    async with asyncio.timeout(5):
        await working
