"""What is to go on to a bank, and what a bank is to be asked: all of it in one sweep."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from uuid_utils.compat import uuid7

from tests.money import EUR, Scene, held, held_by, problems, rows
from tests.people import new_email
from tests.settlements import make_source
from tests.shares import make_pool, make_request, pay_shares, paying, share_of
from whipround.db.database import Database
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.cash.ordering import NewCashOrder
from whipround.domain.installation import Installation
from whipround.domain.users.proofs import Proven
from whipround.flows import cash
from whipround.flows.desk import open_desk
from whipround.gateways.processors import sandbox_cash
from whipround.gateways.processors.live import processors_of
from whipround.gateways.processors.sandbox import APPROVED_TOKEN
from whipround.jobs import desks
from whipround.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.processes]


async def test_however_much_there_is_it_goes_on_and_arrives(
    installation: Installation, settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [product] = [each for each in installation.products if each.schema_name == db.schema]
    keyring = installation.keyring
    scene = Scene(db, product, installation.conninfo, keyring, datetime.now(UTC))
    ann, ben = [
        await scene.person(*money, proven=Proven(email=new_email()))
        for money in ([], [EUR("20.00")])
    ]
    bank = await make_source(scene, ann, "bank_account")
    [[id_]] = await rows(db, "select id from bank_account where funding_source_id = %s", bank)
    sealed = keyring.seal(id_, APPROVED_TOKEN)
    async with db.transaction() as tx:
        await tx.execute("update bank_account set sealed = %s where id = %s", [sealed, id_])
    for _ in range(3):
        ask = await make_request(scene, ann, ben, funding_source_id=bank)
        await pay_shares(scene, paying(scene, ben, share_of(ask)))
    monkeypatch.setattr(desks, "SWEPT_AT_ONCE", 2)
    processors = processors_of(settings, sandbox=True)

    swept = await desks.Desks(installation.db, keyring=keyring, processors=processors).sweep()

    assert swept >= 3 + 3
    assert (await held(db, ann), await held_by(db, bank)) == (Decimal(0), Decimal(18))
    assert await problems(db) == []


async def test_cash_of_which_nobody_told_arrives(
    installation: Installation, settings: Settings, db: Database
) -> None:
    [product] = [each for each in installation.products if each.schema_name == db.schema]
    keyring = installation.keyring
    scene = Scene(db, product, installation.conninfo, keyring, datetime.now(UTC))
    ann, ben = await scene.person(), await scene.person()
    pool_id = await make_pool(scene, ben, currency="MXN")
    processors = processors_of(settings, sandbox=True)
    desk = open_desk(db, product_id=product.id, keyring=keyring, processors=processors(db))
    answer = await cash.order(
        desk,
        key=RequestKey(uuid7().bytes, b""),
        user_id=ann.id,
        new=NewCashOrder(pool_id, Decimal("50.00"), "MXN", ""),
        render=lambda order: Answer(201, getattr(order, "reference", "").encode()),
        now=scene.now,
    )
    reference = answer.body.decode()
    await sandbox_cash.pay(db, reference=reference, now=scene.now)
    sql = "update cash_order set due_at = %s where reference = %s returning 1"
    await rows(db, sql, scene.now, reference)

    await desks.Desks(installation.db, keyring=keyring, processors=processors).sweep()

    assert await held_by(db, pool_id, "MXN", kind="pool") == 50
    assert await problems(db) == []
