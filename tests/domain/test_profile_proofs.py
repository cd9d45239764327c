"""Being sent elsewhere to prove a profile: what is kept of it, and for how long."""

import pytest

from tests.money import Person, Scene, rows
from whipround.domain import profile_proofs
from whipround.domain.profile_proofs import LIFE, StateRefused

pytestmark = pytest.mark.anyio

VERIFIER = "v" * 43


async def _begin(scene: Scene, person: Person) -> str:
    async with scene.db.transaction() as tx:
        return await profile_proofs.begin(
            tx,
            user_id=person.id,
            provider="github",
            verifier=VERIFIER,
            keyring=scene.keyring,
            now=scene.now,
        )


async def test_only_who_began_gets_the_verifier_and_once(
    scene: Scene, ann: Person, ben: Person
) -> None:
    state = await _begin(scene, ann)

    async def take(person: Person, **given: str) -> str:
        async with scene.db.transaction() as tx:
            return await profile_proofs.take(
                tx,
                user_id=person.id,
                keyring=scene.keyring,
                now=scene.now,
                **{"provider": "github", "state": state, **given},
            )

    for person, given in ((ben, {}), (ann, {"provider": "gitlab"}), (ann, {"state": "x"})):
        with pytest.raises(StateRefused):
            await take(person, **given)
    [(digest, sealed)] = await rows(scene.db, "select digest, verifier from oauth_login")
    assert state.encode() not in digest
    assert VERIFIER.encode() not in sealed
    assert await take(ann) == VERIFIER
    with pytest.raises(StateRefused):
        await take(ann)


async def test_what_is_over_is_forgotten(scene: Scene, ann: Person) -> None:
    await _begin(scene, ann)

    async def prune(**given: object) -> int:
        async with scene.db.transaction() as tx:
            return await profile_proofs.prune(tx, limit=10, **given)  # type: ignore[arg-type]

    assert await prune(now=scene.now) == 0
    assert await prune(now=scene.now + LIFE) == 1
