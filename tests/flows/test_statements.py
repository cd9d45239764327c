"""Codes on the statements of bank accounts."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tests.gateways.messages.post import make_message
from tests.money import make_person, rows
from whipround.db.database import Database
from whipround.flows.statements import StatementGateway
from whipround.gateways.messages.protocol import DeliveryFailed, DeliveryRefused, Outgoing
from whipround.gateways.processors.protocol import Unconfigured
from whipround.gateways.processors.sandbox import SandboxProcessor
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio

_MAKE = """
    with source as (
        insert into funding_source (id, user_id, type, type_name, description, allows_in,
            allows_out, status, created_at, updated_at)
        values (%(source)s, %(user)s, 'bank_account', 'bank_account', 'Bank', true, true, 'pending',
            %(now)s, %(now)s)
    )
    insert into bank_account (id, funding_source_id, country, swift, iban, account_number, owner_id,
        enabled, sealed, created_at, updated_at)
    values (%(id)s, %(source)s, %(country)s, '', '', '', '', false, %(sealed)s, %(now)s, %(now)s)
"""


async def account(
    db: Database, keyring: Keyring, now: datetime, *, reference: str = "", country: str = "UK"
) -> Outgoing:
    """The code for a bank account that its processor knows by a reference."""
    owner = await make_person(db, keyring=keyring, now=now)
    id_, source = uuid7(), uuid7()
    sealed = keyring.seal(id_, reference or f"sandbox_account_{id_.hex}")
    values = {"id": id_, "source": source, "user": owner.id, "country": country, "now": now}
    async with db.transaction() as tx:
        await tx.execute(_MAKE, {**values, "sealed": sealed})
    return make_message(
        product=db.schema,
        channel="statement",
        recipient=str(source),
        body="Whipround code 123456",
    )


async def paid(db: Database, key: UUID) -> list[tuple[object, ...]]:
    sql = "select amount, currency, status from sandbox_operation where key = %s"
    return await rows(db, sql, key)


async def test_a_code_is_paid_out_once_however_often_it_is_sent(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    gateway = StatementGateway(db, keyring=keyring, processor=SandboxProcessor(db))
    british = await account(db, keyring, now)
    japanese = await account(db, keyring, now, country="JP")

    for _ in range(2):
        assert await gateway.send([british, japanese]) == [None, None]

    assert await paid(db, british.id) == [(Decimal("0.01"), "GBP", "approved")]
    assert await paid(db, japanese.id) == [(Decimal(1), "JPY", "approved")]


async def test_a_call_that_times_out_is_asked_about(
    db: Database, keyring: Keyring, now: datetime
) -> None:
    gateway = StatementGateway(db, keyring=keyring, processor=SandboxProcessor(db))
    message = await account(db, keyring, now, reference="tok_test_timeout")

    [first] = await gateway.send([message])
    [second] = await gateway.send([message])

    assert isinstance(first, DeliveryFailed)
    assert second is None
    assert len(await paid(db, message.id)) == 1


async def test_what_cannot_be_sent(db: Database, keyring: Keyring, now: datetime) -> None:
    gateway = StatementGateway(db, keyring=keyring, processor=SandboxProcessor(db))
    declined = await account(db, keyring, now, reference="tok_test_card_declined")
    moneyless = await account(db, keyring, now, country="AQ")
    gone = replace(declined, recipient=str(uuid7()))
    unset = StatementGateway(db, keyring=keyring, processor=Unconfigured())

    refused = [*await gateway.send([declined, gone, moneyless]), *await unset.send([declined])]

    assert list(map(type, refused)) == [*[DeliveryRefused] * 3, DeliveryFailed]
