"""What is to go on to a bank, and what a bank is to be asked: all of it in one sweep."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.money import EUR, Scene, held, held_by, problems, rows
from tests.people import new_email
from tests.settlements import make_source
from tests.shares import make_request, pay_shares, paying, share_of
from whipround.db.database import Database
from whipround.domain.installation import Installation
from whipround.domain.users.proofs import Proven
from whipround.gateways.processors.live import processors_of
from whipround.gateways.processors.sandbox import APPROVED_TOKEN
from whipround.jobs import desks
from whipround.settings import Settings

pytestmark = pytest.mark.anyio


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
