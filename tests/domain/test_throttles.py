"""Limits hold across processes, count what failed, and forget."""

import asyncio
from datetime import datetime, timedelta

import pytest
from psycopg import Rollback

from whipround.db.database import Database, open_database
from whipround.domain.products import Product
from whipround.domain.throttles import Charge, Limit, charge, charge_apart, prune
from whipround.errors import Throttled
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

THREE = Limit("three", 3, timedelta(minutes=15))
TWO = Limit("two", 2, timedelta(hours=1))


async def test_limit_is_per_subject_and_kind(db: Database, keyring: Keyring, now: datetime) -> None:
    for _ in range(3):
        await charge_apart(db, [Charge(THREE, "a")], keyring=keyring, now=now)

    await charge_apart(db, [Charge(THREE, "b")], keyring=keyring, now=now)
    await charge_apart(db, [Charge(TWO, "a")], keyring=keyring, now=now)
    with pytest.raises(Throttled):
        await charge_apart(db, [Charge(THREE, "a")], keyring=keyring, now=now)


async def test_retry_after_is_when_the_window_ends(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    at = now + timedelta(minutes=4, seconds=30)
    both = [Charge(THREE, "a"), Charge(TWO, "a")]
    for _ in range(2):
        await charge_apart(db, both, keyring=keyring, now=at)

    with pytest.raises(Throttled) as refused:
        await charge_apart(db, both, keyring=keyring, now=at)

    assert refused.value.retry_after_seconds == 55 * 60 + 30
    await charge_apart(db, both, keyring=keyring, now=now + timedelta(hours=1))


async def test_multiplier_widens_a_limit(db: Database, keyring: Keyring, now: datetime) -> None:
    for _ in range(6):
        await charge_apart(db, [Charge(THREE, "a")], keyring=keyring, now=now, multiplier=2)

    with pytest.raises(Throttled):
        await charge_apart(db, [Charge(THREE, "a")], keyring=keyring, now=now, multiplier=2)


async def test_refused_try_uses_up_no_other_limit(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    for _ in range(2):
        await charge_apart(db, [Charge(TWO, "a")], keyring=keyring, now=now)

    for _ in range(5):
        with pytest.raises(Throttled):
            await charge_apart(db, [Charge(TWO, "a"), Charge(THREE, "b")], keyring=keyring, now=now)

    await charge_apart(db, [Charge(THREE, "b")], keyring=keyring, now=now)


async def test_limit_holds_across_servers_at_once(
    postgres_url: str, product: Product, db: Database, keyring: Keyring, now: datetime
) -> None:
    async def try_it(server: Database) -> bool:
        try:
            await charge_apart(
                server,
                [Charge(TWO, "a"), Charge(THREE, "b")],
                keyring=keyring,
                now=now,
                multiplier=2,
            )
        except Throttled:
            return False
        return True

    async with open_database(postgres_url, connections=4) as other:
        servers = [db, other.of(product.schema_name)] * 10
        outcomes = await asyncio.gather(*(try_it(server) for server in servers))

    assert outcomes.count(True) == 4


async def test_what_is_undone_does_not_count(db: Database, keyring: Keyring, now: datetime) -> None:
    for _ in range(5):
        async with db.transaction() as tx:
            await charge(tx, [Charge(TWO, "a")], keyring=keyring, now=now)
            raise Rollback

    await charge_apart(db, [Charge(TWO, "a")], keyring=keyring, now=now)


async def test_no_address_is_stored(db: Database, keyring: Keyring, now: datetime) -> None:
    await charge_apart(db, [Charge(TWO, "192.0.2.1")], keyring=keyring, now=now)

    async with db.transaction() as tx:
        [[subject]] = await (await tx.execute("select subject from throttle")).fetchall()

    assert subject == keyring.throttle("two", "192.0.2.1")


async def test_prune_forgets_old_windows_in_portions(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    old = now - timedelta(days=2)
    await charge_apart(db, [Charge(TWO, subject) for subject in "abc"], keyring=keyring, now=old)
    await charge_apart(db, [Charge(TWO, "a")], keyring=keyring, now=now)

    async with db.transaction() as tx:
        pruned = [await prune(tx, now=now, limit=2) for _ in range(3)]

    assert pruned == [2, 1, 0]
