"""The desks of all products, at which a worker asks what became of calls to the outside."""

from datetime import UTC, datetime
from uuid import UUID

from whipround.db.batch import Batcher
from whipround.db.database import Database
from whipround.domain import forwarding
from whipround.domain.payments.batch import PaymentBatch
from whipround.domain.products import Product
from whipround.flows import calls, cash
from whipround.flows.cash import Payments
from whipround.flows.desk import Desk, open_desk
from whipround.gateways.processors.live import OpenProcessors
from whipround.jobs.housekeeping import in_every_product
from whipround.keyring import Keyring

SWEPT_AT_ONCE = 100


class Desks:
    """A desk for each product, opened when it is first needed."""

    def __init__(self, db: Database, *, keyring: Keyring, processors: OpenProcessors) -> None:
        self._db = db
        self._keyring = keyring
        self._processors = processors
        self._open: dict[UUID, tuple[Desk, Payments]] = {}

    async def sweep(self) -> int:
        """Ask about all calls and cash orders that are due, in every product, and make those that
        money is to go on by; how many there were.
        """

        async def in_product(product: Product) -> int:
            desk, payments = self._of(product)
            total = 0
            while True:
                now = datetime.now(UTC)
                # What goes on to a bank is a call that is due.
                count = await forwarding.send_due(desk.db, now=now, limit=SWEPT_AT_ONCE)
                count += await calls.sweep(desk, now=now, limit=SWEPT_AT_ONCE)
                count += await cash.sweep(desk, payments, now=now, limit=SWEPT_AT_ONCE)
                if not count:
                    return total
                total += count

        return await in_every_product(self._db, in_product)

    def _of(self, product: Product) -> tuple[Desk, Payments]:
        known = self._open.get(product.id)
        if known is None:
            db = self._db.of(product.schema_name)
            desk = open_desk(
                db,
                product_id=product.id,
                keyring=self._keyring,
                processors=self._processors(db),
            )
            known = self._open[product.id] = desk, Batcher(db, PaymentBatch())
        return known
