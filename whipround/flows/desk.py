"""Where one product deals with the outside: what its flows work with."""

from dataclasses import dataclass
from uuid import UUID

from whipround.db.batch import Batcher
from whipround.db.database import Database
from whipround.db.request_keys import Answer
from whipround.domain.settlements.batch import SettlementBatch
from whipround.domain.settlements.commands import Settle
from whipround.gateways.processors.protocol import Processors
from whipround.keyring import Keyring

ASK_SECONDS = 25.0
"""The longest that a processor is waited for, well within a call's lease: then nobody can tell."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the flows of a product work with.

    `settlements` records what the processors say, many at once; it gives the rendered answer where
    a request waits for one.
    """

    db: Database
    product_id: UUID
    keyring: Keyring
    processors: Processors
    settlements: Batcher[Settle, Answer | None]


def open_desk(db: Database, *, product_id: UUID, keyring: Keyring, processors: Processors) -> Desk:
    """The desk of a product; `db` is seen from its schema."""
    return Desk(db, product_id, keyring, processors, Batcher(db, SettlementBatch()))
