"""Claims that are cut off in the middle."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.crowd import CLAIM_URL, pledge
from tests.money import EUR, Scene, held, new_key, problems
from tests.website import Site, website
from whipround.db.batch import Batcher, Overloaded
from whipround.db.request_keys import Answer, RequestKey
from whipround.domain.crowd.batch import CrowdBatch
from whipround.domain.crowd.plan import Page
from whipround.domain.crowd.resolving import NobodyToPay
from whipround.flows import pledges
from whipround.flows.pledges import Claimed, Claiming, Crowd
from whipround.flows.scripts.web import Web
from whipround.gateways.github.rest import GitHub
from whipround.gateways.pages.fetcher import Fetcher
from whipround.gateways.pages.networks import LOOPBACK

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A website of tasks."""
    async with website() as site:
        site.serve("/participation.txt", status=404)
        yield site


def rendered(claimed: Claimed) -> Answer:
    """The answer, as a dialect would make one."""
    return Answer(201, f"{claimed.paid} {claimed.left}".encode())


async def claim(scene: Scene, crowd: Crowd, url: str, key: RequestKey) -> bytes:
    """Have what was pledged to the page claimed."""
    answer = await pledges.claim(
        scene.db,
        Web(Fetcher(allowed=LOOPBACK), GitHub(url="http://127.0.0.1:9")),
        crowd,
        Claiming(url=url, user_id=None, address="", hosts=(), claim_url=CLAIM_URL),
        key=key,
        render=rendered,
        keyring=scene.keyring,
        now=scene.now,
    )
    return answer.body


async def test_who_claims_again_claims_the_rest(scene: Scene, site: Site) -> None:
    ann = await scene.person(EUR("9.00"))
    ben = await scene.person(EUR("1.00"), username="ben.of.tasks")
    url = site.serve(
        "/task",
        b'<meta name="participation" content="{&quot;participants&quot;:'
        b' [{&quot;id&quot;: &quot;ben.of.tasks&quot;}]}">',
    )
    # Nobody can be paid by Ben's, which is looked at first.
    await pledge(scene.db, ben, EUR("1.00"), ann, page=Page(url=url), now=scene.now)
    for _ in range(3):
        await pledge(scene.db, ann, EUR("3.00"), ben, page=Page(url=url), now=scene.now)
    narrow: Crowd = Batcher(scene.db, CrowdBatch(clock=lambda: scene.now), max_waiting=1)
    wide: Crowd = Batcher(scene.db, CrowdBatch(clock=lambda: scene.now))
    key = new_key()

    with pytest.raises(Overloaded):
        await claim(scene, narrow, url, key)
    some = await held(scene.db, ben)
    answers = [await claim(scene, wide, url, key) for _ in range(2)]
    with pytest.raises(NobodyToPay):
        await claim(scene, wide, url, new_key())

    assert some == Decimal(3)
    assert answers == [b"2 1", b"2 1"]
    assert (await held(scene.db, ann), await held(scene.db, ben)) == (Decimal(0), Decimal(9))
    assert await problems(scene.db) == []
