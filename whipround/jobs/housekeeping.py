"""What time does: money nobody claimed goes back, rates are renewed, and old things forgotten."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from whipround.db import request_keys
from whipround.db.database import Database
from whipround.domain import (
    claims,
    identity,
    limits,
    mailed_tokens,
    products,
    profile_proofs,
    sessions,
    throttles,
    tokens,
    verifications,
)
from whipround.domain.crowd import pledges, previews
from whipround.domain.pools import ending, exports
from whipround.domain.products import Product
from whipround.flows import deliveries, images, rates
from whipround.flows.studio import Studio
from whipround.gateways.messages import sandbox
from whipround.gateways.rates.protocol import RatesSource

logger = logging.getLogger(__name__)

PRUNED_AT_ONCE = 1000
"""Rows deleted in one transaction: few enough that nobody waits for them."""

Prune: TypeAlias = Callable[..., Awaitable[int]]

_PRUNES: Sequence[tuple[str, Prune]] = (
    ("request keys", request_keys.prune),
    ("sessions", sessions.prune),
    ("tokens", tokens.prune),
    ("tokens that were mailed", mailed_tokens.prune),
    ("logins at sites with profiles", profile_proofs.prune),
    ("verifications", verifications.prune),
    ("documents nobody decided about", identity.prune),
    ("previews", previews.prune),
    ("throttles", throttles.prune),
    ("days that limits counted", limits.prune),
    ("exports", exports.prune),
    ("failed messages", deliveries.prune),
    ("sandbox messages", sandbox.prune),
)


async def settle_unclaimed(db: Database) -> int:
    """Move on the money that waits: to whoever has proven its address, or back once it expired.

    In every product; how many payments and pledges.
    """

    async def in_product(product: Product) -> int:
        product_db = db.of(product.schema_name)
        claimed = returned = 0
        while count := await claims.claim_rest(product_db, now=datetime.now(UTC)):
            claimed += count
        while count := await claims.return_expired(product_db, now=datetime.now(UTC)):
            returned += count
        expired = await pledges.expire(product_db, now=datetime.now(UTC))
        if claimed or returned or expired:
            words = "%s: of the unclaimed payments %d were claimed, %d returned; and %d pledges"
            logger.info(words, product_db.schema, claimed, returned, expired)
        return claimed + returned + expired

    return await in_every_product(db, in_product)


async def close_ended_pools(db: Database) -> int:
    """Close the pools whose time is over, in every product; how many."""

    async def in_product(product: Product) -> int:
        product_db = db.of(product.schema_name)
        closed = await ending.close_ended(product_db, now=datetime.now(UTC))
        if closed:
            logger.info("%s: %d pools have ended", product_db.schema, closed)
        return closed

    return await in_every_product(db, in_product)


async def refresh_rates(db: Database, source: RatesSource) -> int:
    """Have every product convert by today's exchange rates, if they are out; how many got newer.

    That they cannot be fetched is logged.
    """
    fetched = rates.Once(source)

    async def in_product(product: Product) -> int:
        product_db = db.of(product.schema_name)
        return await rates.refresh(product_db, fetched, now=datetime.now(UTC))

    return await in_every_product(db, in_product)


async def prune(db: Database) -> int:
    """Forget what is no longer needed, in every product; how many rows."""

    async def in_product(product: Product) -> int:
        product_db = db.of(product.schema_name)
        total = 0
        for what, prune_some in _PRUNES:
            count = await _prune_all(product_db, prune_some)
            if count:
                logger.info("%s: %d %s pruned", product_db.schema, count, what)
            total += count
        return total

    return await in_every_product(db, in_product)


async def prune_pictures(db: Database, studio: Studio) -> int:
    """Delete pictures that nobody will see any more, with their files; how many, in all products.

    Raises StoreUnavailable, in an ExceptionGroup, where the files cannot be reached.
    """

    async def in_product(product: Product) -> int:
        product_db = db.of(product.schema_name)
        return await images.prune(product_db, studio, now=datetime.now(UTC))

    return await in_every_product(db, in_product)


async def prune_group_pictures(studio: Studio) -> int:
    """Delete the files of group pictures that are made anew if need be; how many."""
    return await images.prune_groups(studio, now=datetime.now(UTC))


async def _prune_all(db: Database, prune_some: Prune) -> int:
    total = 0
    while True:
        async with db.transaction() as tx:
            count = await prune_some(tx, now=datetime.now(UTC), limit=PRUNED_AT_ONCE)
        total += count
        if count < PRUNED_AT_ONCE:
            return total


async def in_every_product(db: Database, act: Callable[[Product], Awaitable[int]]) -> int:
    """The sum of what `act` gives for each product. One that fails keeps no other from its turn.

    Raises an ExceptionGroup of the failures, at the end.
    """
    total = 0
    failures: list[Exception] = []
    for product in await products.list_products(db):
        try:
            total += await act(product)
        except Exception as error:
            logger.exception("%s: housekeeping failed", product.schema_name)
            failures.append(error)
    if failures:
        raise ExceptionGroup("housekeeping failed", failures)
    return total
