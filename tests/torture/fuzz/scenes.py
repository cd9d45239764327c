"""The calls that documents print, and some for what they do not: what makes any route succeed.

Each is played over and over, on a stage whose people are new from time to time.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

from tests.api.faces import Faces
from tests.api.memento.documents import examples as memento_examples
from tests.api.memento.printed import money as _memento_money
from tests.api.memento.printed import people as _memento_people
from tests.api.memento.printed import together as _memento_together
from tests.api.memento.printed.stage import SCENES as MEMENTO_SCENES
from tests.api.memento.printed.stage import Scene as MementoScene
from tests.api.memento.printed.stage import Stage as MementoStage
from tests.api.mobbr.documents import Example as MobbrExample
from tests.api.mobbr.documents import examples as mobbr_examples
from tests.api.mobbr.printed import scenes as _mobbr_scenes
from tests.api.mobbr.printed.stage import PASSWORD
from tests.api.mobbr.printed.stage import SCENES as MOBBR_SCENES
from tests.api.mobbr.printed.stage import Stage as MobbrStage
from tests.api.mobbr.printed.stage import play as play_mobbr
from tests.api.moneypool.documents import Example as MoneypoolExample
from tests.api.moneypool.documents import examples as moneypool_examples
from tests.api.moneypool.printed import money as _moneypool_money
from tests.api.moneypool.printed import people as _moneypool_people
from tests.api.moneypool.printed.stage import SCENES as MONEYPOOL_SCENES
from tests.api.moneypool.printed.stage import Stage as MoneypoolStage
from tests.api.moneypool.printed.stage import play as play_moneypool
from tests.money import EUR, MXN
from tests.outside import Outside
from tests.people import hash_of
from whipround.db.database import Database
from whipround.domain import fx

CHAPTERS = (
    _memento_money,
    _memento_people,
    _memento_together,
    _mobbr_scenes,
    _moneypool_money,
    _moneypool_people,
)
"""The modules that have the scenes."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The people of each dialect's document, at one product."""

    faces: Faces
    memento: MementoStage
    moneypool: MoneypoolStage
    mobbr: MobbrStage


Play: TypeAlias = Callable[[Stage], Awaitable[object]]


async def new_rates(db: Database) -> None:
    """Have it known what a dollar costs."""
    now = datetime.now(UTC)
    async with db.transaction() as tx:
        await fx.replace_rates(tx, {"USD": Decimal("1.25")}, published_on=now.date(), now=now)


async def new_stage(faces: Faces, outside: Outside) -> Stage:
    """People whom nothing has happened to yet."""
    john = await faces.person(EUR("500.00"), first_name="John", last_name="Dough")
    arnar = await faces.person(EUR("500.00"), first_name="Arnar", last_name="Participant")
    doe, andy = [await faces.join(MXN("5000.00"), name=name) for name in ("John Doe", "Andy")]
    secret = hash_of(PASSWORD)
    patrick = await faces.mobbr.join(EUR("2000.00"), password_hash=secret)
    ernesto = await faces.mobbr.join(EUR("2000.00"), password_hash=secret)
    return Stage(
        faces,
        MementoStage(faces.town, john, arnar, None),
        MoneypoolStage(faces, doe, andy),
        MobbrStage(faces.mobbr, outside, patrick, ernesto),
    )


def _memento() -> Iterator[Play]:
    for example in memento_examples():
        yield _of_memento(MEMENTO_SCENES[example.endpoint], example.body)


def _of_memento(scene: MementoScene, printed: object) -> Play:
    return lambda stage: scene.play(replace(stage.memento, printed=printed))


def _moneypool() -> Iterator[Play]:
    yield from map(_of_moneypool, moneypool_examples())


def _of_moneypool(example: MoneypoolExample) -> Play:
    async def play(stage: Stage) -> object:
        scene = MONEYPOOL_SCENES[example.title]
        return await play_moneypool(await scene.prepare(stage.moneypool), example)

    return play


def _mobbr() -> Iterator[Play]:
    yield from map(_of_mobbr, mobbr_examples())


def _of_mobbr(example: MobbrExample) -> Play:
    async def play(stage: Stage) -> object:
        part = await MOBBR_SCENES[example.title].prepare(stage.mobbr)
        return await play_mobbr(stage.mobbr, part, example)

    return play


def printed() -> dict[str, list[Play]]:
    """All that the documents print, by dialect."""
    return {"memento": [*_memento()], "moneypool": [*_moneypool()], "mobbr": [*_mobbr()]}
