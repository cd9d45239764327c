"""Runs the jobs, inside the server or apart."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from procrastinate.exceptions import ProcrastinateException

from whipround.domain import samples
from whipround.domain.installation import Installation
from whipround.flows.deliveries import Lane, SandboxLane, live_lanes
from whipround.flows.exports import ExportLane
from whipround.flows.images import FetchLane
from whipround.flows.pushes import PushGateway
from whipround.flows.statements import StatementGateway
from whipround.flows.studio import open_studio
from whipround.gateways.messages.live import live_fcm, live_gateways
from whipround.gateways.processors.live import processors_of
from whipround.gateways.rates.ecb import EcbAddress
from whipround.gateways.rates.protocol import RatesSource
from whipround.gateways.rates.sandbox import SampleRates
from whipround.jobs.deliverer import Deliverer
from whipround.jobs.desks import Desks
from whipround.jobs.schedule import run_schedule
from whipround.settings import Settings

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0
"""How long a stopping worker may take to finish what it is doing."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_STEADY_SECONDS = 60.0


class Worker:
    """Delivers messages and runs the scheduled jobs, whatever happens to the database meanwhile.

    `processors` and the `studio` are the installation's, which the server works with too.
    """

    def __init__(self, installation: Installation, settings: Settings) -> None:
        """Raises GatewayMisconfigured when a setting does not say where something is to go."""
        self._installation = installation
        self.processors = processors_of(settings, sandbox=installation.sandbox)
        self.studio = open_studio(
            settings, keyring=installation.keyring, sandbox=installation.sandbox
        )
        self._desks = Desks(
            installation.db, keyring=installation.keyring, processors=self.processors
        )
        self._deliverer = Deliverer(installation.db, self._lanes(settings))
        self._rates = _rates(installation, settings)
        if not installation.sandbox and settings.stripe_secret_key is None:
            logger.warning(
                "cards and banks cannot be asked: WHIPROUND_STRIPE_SECRET_KEY is not set;"
                " who adds one is refused"
            )

    def nudge(self) -> None:
        """Something was put into an outbox: deliver it now rather than in a few seconds."""
        self._deliverer.nudge()

    def _lanes(self, settings: Settings) -> Sequence[Lane]:
        installation = self._installation
        if installation.sandbox:
            return [SandboxLane(), ExportLane(None), FetchLane(self.studio)]
        statements = StatementGateway(
            installation.db,
            keyring=installation.keyring,
            processor=self.processors(installation.db).banks,
        )
        pushes = PushGateway(installation.db, fcm=live_fcm(settings))
        gateways = {**live_gateways(settings), "statement": statements, "push": pushes}
        return [
            *live_lanes(gateways),
            ExportLane(gateways["email"]),
            FetchLane(self.studio),
        ]

    async def close(self) -> None:
        """Let go of what the processors hold open, once nobody asks them any more."""
        await self.processors(self._installation.db).close()

    async def run(self) -> None:
        """Work until cancelled; then finish what is under way, within STOP_SECONDS."""
        # Its every step is told at the level "info", every few seconds.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        delivering = asyncio.create_task(self._deliverer.run())
        scheduling = asyncio.create_task(self._schedule())
        self.nudge()
        tasks = {delivering, scheduling}
        try:
            await asyncio.wait(tasks)
        finally:
            self._deliverer.stop()
            scheduling.cancel()
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS + 1)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _schedule(self) -> None:
        """Run procrastinate's worker, and again when it ends: it does with its connection."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started_at = loop.time()
            try:
                await run_schedule(
                    self._installation.conninfo,
                    db=self._installation.db,
                    deliverer=self._deliverer,
                    desks=self._desks,
                    rates=self._rates,
                    studio=self.studio,
                    stop_seconds=STOP_SECONDS,
                )
                logger.warning("the job queue has ended, and begins anew")
            except (ProcrastinateException, psycopg.Error) as error:
                logger.warning("the job queue is out of reach: %r", error.__cause__ or error)
            except Exception:
                logger.exception("the job queue failed")
            if loop.time() - started_at > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def run_worker(installation: Installation, settings: Settings) -> AsyncIterator[Worker]:
    """A worker inside this process; at the end it finishes what it is doing, within seconds.

    Raises GatewayMisconfigured before it starts.
    """
    worker = Worker(installation, settings)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        running.cancel()
        await asyncio.wait({running})
        await worker.close()


async def work(installation: Installation, settings: Settings) -> None:
    """A process that only works: until SIGTERM or SIGINT, and what is under way is finished.

    Raises GatewayMisconfigured before it starts.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with run_worker(installation, settings):
            logger.info("working")
            await stopped.wait()
            logger.info("stopping")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _rates(installation: Installation, settings: Settings) -> RatesSource | None:
    """Where exchange rates are fetched; None if nowhere."""
    if installation.sandbox:
        return SampleRates(samples.PER_EURO)
    return EcbAddress(settings.rates_url) if settings.rates_url else None
