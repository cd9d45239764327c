"""Limits on how much one person asks for."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.domain.requests.asking import Asking
from tests.money import Person, Scene, new_address
from whipround.domain import throttles
from whipround.domain.payees import Address
from whipround.domain.throttles import NUMBERS_ASKED_PER_USER, REQUESTS_PER_USER
from whipround.errors import Throttled

pytestmark = pytest.mark.anyio


async def fails(asking: Asking, owner: Person, whom: Sequence[Person | Address]) -> bool:
    try:
        await asking.ask(owner, *whom)
    except Throttled as error:
        return error.retry_after_seconds > 0
    return False


async def test_numbers_that_nobody_has_proven_have_a_limit(
    scene: Scene, asking: Asking, ann: Person, ben: Person
) -> None:
    half = NUMBERS_ASKED_PER_USER.count // 2
    for _ in range(2):
        await asking.ask(ann, ben, *[new_address() for _ in range(half)])

    assert await fails(asking, ann, [new_address()])
    assert not await fails(asking, ann, [ben])
    assert not await fails(asking, ben, [new_address()])
    await asking.ask(ann, new_address(), at=scene.now + timedelta(days=1))


async def test_requests_have_a_limit(
    scene: Scene, asking: Asking, ann: Person, ben: Person
) -> None:
    most = REQUESTS_PER_USER.count - 1
    charge = throttles.Charge(REQUESTS_PER_USER, str(ann.id), most)
    async with scene.db.transaction() as tx:
        await throttles.charge(tx, [charge], keyring=scene.keyring, now=scene.now)

    assert not await fails(asking, ann, [ben])
    assert await fails(asking, ann, [ben])
    await asking.ask(ann, ben, at=scene.now + timedelta(days=1))
