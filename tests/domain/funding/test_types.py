"""What a product calls its types of funding source."""

import asyncio
from datetime import datetime

import pytest

from tests.money import Person, rows, until_waiting
from whipround.db.database import Database
from whipround.domain.funding import creation, types
from whipround.domain.funding.creation import NewCryptoAddress, NewSource
from whipround.domain.funding.types import TypeExists, TypeInUse, TypeNotFound
from whipround.errors import Invalid
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


async def add(db: Database, name: str, base: str, *, now: datetime) -> None:
    async with db.transaction() as tx:
        await types.add(tx, name=name, base=base, now=now)


async def remove(db: Database, name: str) -> None:
    async with db.transaction() as tx:
        await types.remove(tx, name=name)


async def test_a_new_product_has_the_names_of_the_documents(db: Database) -> None:
    async with db.transaction() as tx:
        bases = await types.bases(tx)

    assert {name: base for name, base in bases.items() if name not in types.BASES} == {
        "savings_account": "bank_account",
        "standard_credit_card": "card",
    }


async def test_names_come_and_go(db: Database, now: datetime) -> None:
    await add(db, "coins", "crypto_address", now=now)

    async with db.transaction() as tx:
        assert await types.base_of(tx, name="coins") == "crypto_address"
    with pytest.raises(TypeExists):
        await add(db, "coins", "card", now=now)
    await remove(db, "coins")
    async with db.transaction() as tx:
        assert await types.base_of(tx, name="coins") is None
    for name, error in [("coins", TypeNotFound), ("card", TypeInUse), ("virtual", TypeInUse)]:
        with pytest.raises(error):
            await remove(db, name)


@pytest.mark.parametrize("name", ["", "Coins", "1coin", "a" * 41, "my coins", "\u00e9"])
async def test_names_are_words_of_ours(db: Database, now: datetime, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await add(db, name, "virtual", now=now)
    assert [it.field for it in caught.value.errors] == ["name", "base"]


async def test_a_name_in_use_stays(
    db: Database, keyring: Keyring, ann: Person, now: datetime
) -> None:
    await add(db, "coins", "crypto_address", now=now)
    new = NewSource("coins", "Mine", "", NewCryptoAddress("BTC", "1Boat"))
    async with db.transaction() as tx:
        await creation.create(
            tx,
            user_id=ann.id,
            new=new,
            processor_name="",
            request_number=None,
            keyring=keyring,
            now=now,
        )
        # Whoever would remove it meanwhile waits, and then sees that it is used.
        removing = asyncio.create_task(remove(db, "coins"))
        await until_waiting(db)

    with pytest.raises(TypeInUse):
        await removing
    await rows(
        db, "update funding_source set deleted_at = now() where type_name = 'coins' returning 1"
    )
    await remove(db, "coins")
