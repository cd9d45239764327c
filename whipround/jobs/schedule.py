"""When the jobs run: procrastinate's queue and clock, in the schema `jobs`.

The queue holds ticks, never money or messages: those are in the products' own tables, so that a
lost tick costs nothing but time. A tick is queued once however many workers there are, and not
again while one waits. Two runs of a job at once do no harm.
"""

import asyncio
import logging
import time
from contextlib import suppress

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from whipround.db.database import CONNECT_TIMEOUT_SECONDS, Database
from whipround.db.schema import JOBS
from whipround.flows.studio import Studio
from whipround.gateways.rates.protocol import RatesSource
from whipround.jobs import housekeeping
from whipround.jobs.deliverer import Deliverer
from whipround.jobs.desks import Desks

logger = logging.getLogger(__name__)

# A sixth field is seconds.
_EVERY_FIVE_SECONDS = "* * * * * */5"
_EVERY_MINUTE = "* * * * *"
_EVERY_HOUR = "17 * * * *"
_EVERY_DAY = "41 3 * * *"

_AT_ONCE = 3
_CONNECTIONS = 3
_POLL_SECONDS = 5.0
_STALLED_SECONDS = 120.0
_JUMP_SECONDS = 30.0
_FAILED_KEPT_HOURS = 7 * 24


async def run_schedule(
    conninfo: str,
    *,
    db: Database,
    deliverer: Deliverer,
    desks: Desks,
    rates: RatesSource | None,
    studio: Studio,
    stop_seconds: float,
) -> None:
    """Run the jobs when their time comes, until cancelled; what is under way may then finish.

    Also ends when the database goes away, with or without an error, and when the clock jumps: it is
    for the caller to begin anew. Jobs still running `stop_seconds` after the cancellation are
    cancelled too.
    """
    jobs = _app(conninfo, db=db, deliverer=deliverer, desks=desks, rates=rates, studio=studio)
    async with jobs.open_async() as app:
        # Not only when the hour comes: nothing may have run for days.
        with suppress(AlreadyEnqueued):
            await app.tasks["refresh_rates"].defer_async(timestamp=0)
        working = asyncio.create_task(_work(app, stop_seconds=stop_seconds))
        watching = asyncio.create_task(_clock_jumps())
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            if not working.done():
                working.cancel()
            await asyncio.wait({working})
        if not working.cancelled():
            working.result()


async def _work(app: App, *, stop_seconds: float) -> None:
    await app.run_worker_async(
        concurrency=_AT_ONCE,
        # Of what succeeded nothing is kept: a tick in five seconds would soon be a crowd.
        delete_jobs="successful",
        install_signal_handlers=False,
        # It is notified of jobs, but forgets it if that comes while it asks for another; and of a
        # tick that is queued nobody is notified twice.
        fetch_job_polling_interval=_POLL_SECONDS,
        abort_job_polling_interval=30.0,
        update_heartbeat_interval=30.0,
        stalled_worker_timeout=_STALLED_SECONDS,
        shutdown_graceful_timeout=stop_seconds,
    )


async def _clock_jumps() -> None:
    """Wait until somebody sets the clock, or the machine has slept.

    Procrastinate would wait until the clock is back where it was, or else queue every tick that
    there has not been: who begins anew does neither.
    """
    loop = asyncio.get_running_loop()
    ahead = time.time() - loop.time()
    while abs(time.time() - loop.time() - ahead) < _JUMP_SECONDS:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(1)
    logger.warning("the clock has jumped: the job queue begins anew")


def _app(
    conninfo: str,
    *,
    db: Database,
    deliverer: Deliverer,
    desks: Desks,
    rates: RatesSource | None,
    studio: Studio,
) -> App:
    """The jobs of an installation."""
    app = App(connector=_connector(conninfo))
    _add_money(app, db=db, deliverer=deliverer, desks=desks)
    _add_upkeep(app, db=db, rates=rates)
    _add_pictures(app, db=db, studio=studio)
    return app


def _add_money(app: App, *, db: Database, deliverer: Deliverer, desks: Desks) -> None:
    """Money that moves, and what people are told of it.

    None is retried: the next one comes in seconds, or in a minute.
    """

    @app.periodic(cron=_EVERY_FIVE_SECONDS)
    @app.task(name="deliver", queueing_lock="deliver")
    async def deliver(timestamp: int) -> None:  # noqa: ARG001 - procrastinate's
        deliverer.nudge()

    @app.periodic(cron=_EVERY_FIVE_SECONDS)
    @app.task(name="sweep_calls", queueing_lock="sweep_calls")
    async def sweep_calls(timestamp: int) -> None:  # noqa: ARG001
        if await desks.sweep():
            deliverer.nudge()

    @app.periodic(cron=_EVERY_MINUTE)
    @app.task(name="settle_unclaimed", queueing_lock="settle_unclaimed")
    async def settle_unclaimed(timestamp: int) -> None:  # noqa: ARG001
        if await housekeeping.settle_unclaimed(db):
            deliverer.nudge()

    @app.periodic(cron=_EVERY_MINUTE)
    @app.task(name="close_ended_pools", queueing_lock="close_ended_pools")
    async def close_ended_pools(timestamp: int) -> None:  # noqa: ARG001
        if await housekeeping.close_ended_pools(db):
            deliverer.nudge()


def _add_upkeep(app: App, *, db: Database, rates: RatesSource | None) -> None:
    """What is renewed, and what is forgotten."""

    # Not retried: the next one comes in an hour.
    @app.periodic(cron=_EVERY_HOUR)
    @app.task(name="refresh_rates", queueing_lock="refresh_rates")
    async def refresh_rates(timestamp: int) -> None:  # noqa: ARG001
        if rates is not None:
            await housekeeping.refresh_rates(db, rates)

    @app.periodic(cron=_EVERY_HOUR)
    @app.task(
        name="prune",
        queueing_lock="prune",
        retry=RetryStrategy(max_attempts=3, wait=60),
    )
    async def prune(timestamp: int) -> None:  # noqa: ARG001
        await housekeeping.prune(db)
        await _prune_jobs(app)


def _add_pictures(app: App, *, db: Database, studio: Studio) -> None:
    """Files that nobody needs any more. Not retried: the next one comes soon enough."""

    @app.periodic(cron=_EVERY_HOUR)
    @app.task(name="prune_pictures", queueing_lock="prune_pictures")
    async def prune_pictures(timestamp: int) -> None:  # noqa: ARG001
        await housekeeping.prune_pictures(db, studio)

    # All of them are looked at, which takes a while.
    @app.periodic(cron=_EVERY_DAY)
    @app.task(name="prune_group_pictures", queueing_lock="prune_group_pictures")
    async def prune_group_pictures(timestamp: int) -> None:  # noqa: ARG001
        await housekeeping.prune_group_pictures(studio)


def _connector(conninfo: str) -> PsycopgConnector:
    given = conninfo_to_dict(conninfo).get("options") or ""
    # A tick lost in a crash of the database comes again: nobody needs to wait for the disk.
    options = f"{given} -c search_path={JOBS} -c synchronous_commit=off"
    return PsycopgConnector(
        conninfo=make_conninfo(conninfo, options=options.strip()),
        kwargs={"connect_timeout": CONNECT_TIMEOUT_SECONDS},
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=CONNECT_TIMEOUT_SECONDS,
    )


async def _prune_jobs(app: App) -> None:
    """Forget jobs that failed a week ago, and those whose worker died at them."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
    await app.job_manager.delete_old_jobs(
        nb_hours=_FAILED_KEPT_HOURS,
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )
