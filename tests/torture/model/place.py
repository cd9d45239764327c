"""A sandbox that is served in this process, over sockets, with a clock that can be moved."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import time_machine

from tests.api.faces import root_of
from tests.api.memento.client import Client as MementoClient
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.moneypool.client import Client as MoneypoolClient
from tests.api.serving import PROCESSORS, new_directory, served
from tests.databases import Originals
from tests.money import rows
from tests.outside import Outside, outside_here
from tests.torture.model.book import TARIFF
from tests.torture.model.sockets import Sockets
from whipround.db.database import Database
from whipround.domain import fees, installation, limit_files
from whipround.domain.fees import FeeRule, Tariff
from whipround.jobs import housekeeping
from whipround.jobs.desks import Desks
from whipround.settings import Settings

_BY_KIND = """
    select kind, currency, sum(balance) from account where balance <> 0 group by kind, currency
"""
"""What accounts hold, as docs/ledger.md has their kinds."""

_IN_WALLETS = """
    select owner_id, currency, balance from account where owner_id = any(%s::uuid[])
"""

_CHARGES = Tariff(
    [
        FeeRule(kind, type_, currency, "Fee", fee.percent, fee.fixed, fee.minimum, fee.maximum)
        for (kind, type_, currency), fee in TARIFF.items()
    ],
    Decimal(1),
)


class Clock:
    """What the time is, for the whole process: it stands still, but for being set forward.

    So what takes ten seconds takes as many steps on a busy machine as on an idle one.
    """

    def __init__(self) -> None:
        self._travelling: Any = None
        self._traveller: Any = None

    def begin(self) -> None:
        """Have it be the real time again, and stand still."""
        self.end()
        self._travelling = time_machine.travel(datetime.now(UTC), tick=False)
        self._traveller = self._travelling.start()

    def end(self) -> None:
        """Leave it to itself."""
        if self._travelling is not None:
            self._travelling.stop()
            self._travelling = None

    def forward(self, by: timedelta) -> None:
        """Set it forward."""
        self._traveller.shift(by)


@dataclass(frozen=True, slots=True)
class Place:
    """An installation of its own, served; the clients are logged in as nobody."""

    url: str
    folder: Path
    db: Database
    outside: Outside
    clock: Clock
    http: httpx.AsyncClient
    memento: MementoClient
    moneypool: MoneypoolClient
    mobbr: MobbrClient
    _installation_db: Database
    _desks: Desks

    async def wallets(self, ids: Sequence[str]) -> dict[tuple[str, str], Decimal]:
        """What the books have in wallets, by their ids and currencies, but for nothing."""
        found = await rows(self.db, _IN_WALLETS, ids)
        return {(str(id_), currency): amount for id_, currency, amount in found if amount}

    async def by_kind(self) -> dict[tuple[str, str], Decimal]:
        """What the books have, by kind of account and currency, without what comes to nothing."""
        found = await rows(self.db, _BY_KIND)
        return {(kind, currency): amount for kind, currency, amount in found if amount}

    async def housekeep(self) -> None:
        """What is done by the clock: calls are asked about, money returns, pools are closed."""
        await self._desks.sweep()
        await housekeeping.settle_unclaimed(self._installation_db)
        await housekeeping.close_ended_pools(self._installation_db)


@asynccontextmanager
async def open_place(originals: Originals, folder: Path) -> AsyncIterator[Place]:
    """A new installation, whose key is put into the folder."""
    data_dir = folder / "data"
    async with (
        originals.copied(sandbox=True, data_dir=data_dir) as url,
        installation.open_installation(
            Settings(database_url=url, data_dir=data_dir), sandbox=True, exclusive=False
        ) as opened,
        outside_here() as outside,
    ):
        [product] = opened.products
        db = opened.db.of(product.schema_name)
        async with db.transaction() as tx:
            await fees.replace(tx, _CHARGES)
            await limit_files.replace_rules(tx, [])
        directory = new_directory(opened.db, opened.keyring, web=outside.web)
        directory.set(opened.products)
        headers = {"Product-ID": str(product.id), "Accept-Language": "en"}
        clock = Clock()
        async with served(root_of(directory)) as port:
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(
                base_url=address, headers=headers, transport=Sockets(port)
            ) as http:
                try:
                    yield Place(
                        url=url,
                        folder=folder,
                        db=db,
                        outside=outside,
                        clock=clock,
                        http=http,
                        memento=MementoClient(http, db, opened.keyring, str(product.id)),
                        moneypool=MoneypoolClient(http, db, opened.keyring),
                        mobbr=MobbrClient(http, db, opened.keyring),
                        _installation_db=opened.db,
                        _desks=Desks(opened.db, keyring=opened.keyring, processors=PROCESSORS),
                    )
                finally:
                    clock.end()
        await directory.drain()
