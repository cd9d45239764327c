"""A block stops payments, requests and invitations, whichever of the two it comes from."""

from typing import NamedTuple

import httpx
import pytest

from tests.api.memento import pooling, requesting
from tests.api.memento.client import error_code
from tests.api.memento.paying import Customer, Town, ids, said
from tests.api.memento.pooling import POOLS, collect, collecting, give, giving
from tests.api.memento.requesting import REQUESTS, ask, asking, paying, share
from tests.money import EUR, nothing_moving

pytestmark = pytest.mark.anyio


class Two(NamedTuple):
    """Ann and Ben; the `blocker` is one of them, and may block the other."""

    place: Town
    ann: Customer
    ben: Customer
    blocker: Customer
    blocked: Customer

    async def block(self, action: str = "block") -> None:
        said(await self.blocker.post(f"/v1/users/{self.blocked.id}/{action}"))

    async def unblock(self) -> None:
        await self.block("unblock")

    @property
    def either_way(self) -> list[tuple[Customer, Customer]]:
        """One and the other."""
        return [(self.ann, self.ben), (self.ben, self.ann)]


@pytest.fixture(params=["Ann", "Ben"])
async def two(place: Town, request: pytest.FixtureRequest) -> Two:
    ann, ben = [await place.person(EUR("50.00"), first_name=name) for name in ("Ann", "Ben")]
    blocker, blocked = (ann, ben) if request.param == "Ann" else (ben, ann)
    return Two(place, ann, ben, blocker, blocked)


def refused(answers: list[httpx.Response]) -> bool:
    """Whether a block was in the way of each."""
    return {error_code(answer) for answer in answers} == {"blocked"}


async def test_it_stops_payments(two: Two) -> None:
    await two.block()

    async with nothing_moving(two.place.db):
        for one, other in two.either_way:
            assert refused([await one.pay(to) for to in (other, other.phone)])

    await two.unblock()
    for one, other in two.either_way:
        await one.paid(other)


async def test_it_stops_requests(two: Two) -> None:
    ann, ben = two.ann, two.ben
    request = await ask(ann, share(ben, "1.00"))
    [participant] = request["participants"]
    path, of_ben = requesting.path(request), requesting.path(request, participant)
    await two.block()

    async with nothing_moving(two.place.db):
        for one, other in two.either_way:
            bodies = [asking(one, share(to)) for to in (other, other.phone)]
            assert refused([await one.post(REQUESTS, body) for body in bodies])
        assert refused([await ben.post(f"{at}/pay", paying(ben)) for at in (path, of_ben)])
        assert refused([await ann.post(f"{of_ben}/remind")])
    for each in (ann, ben):
        assert ids(said(await each.get(REQUESTS))) == [request["id"]]

    await two.unblock()
    said(await ann.post(f"{of_ben}/remind"))
    said(await ben.post(f"{path}/pay", paying(ben)))


async def test_what_was_asked_before_can_be_answered_without_money(two: Two) -> None:
    ann, ben = two.ann, two.ben
    made = [await ask(ann, share(ben, "1.00")) for _ in range(3)]
    settle, cancel = [
        requesting.path(each, each["participants"][0], action)
        for each, action in zip(made, ("settle", "cancel"), strict=False)
    ]

    await two.block()

    for one, path in ((ann, settle), (ann, cancel), (ben, f"{requesting.path(made[2])}/reject")):
        said(await one.post(path))


async def test_it_stops_invitations_and_contributions(two: Two) -> None:
    ann, ben = two.ann, two.ben
    invited, public = await collect(ann, ben), await collect(ann, is_public=True)
    inviting = pooling.path(public, "invite"), {"user_ids": [ben.id]}
    await two.block()

    async with nothing_moving(two.place.db):
        for one, other in two.either_way:
            body = collecting(one, invites=[other.id])
            assert refused([await one.post(POOLS, body)])
        assert refused([await ann.post(*inviting)])
        assert refused([await ben.post(pooling.path(invited, "participants"), giving(ben))])
        for answer in (
            await ben.get(pooling.path(public)),
            await ben.post(pooling.path(public, "participants"), giving(ben)),
        ):
            assert (answer.status_code, answer.content) == (404, b"")
    for asked in ("", "?search=gift"):
        shown = ids(said(await ben.get(f"{POOLS}{asked}")))
        assert (invited["id"] in shown, public["id"] in shown) == (True, False)

    await two.unblock()
    await give(ben, invited)
    await give(ben, public)
    assert public["id"] in ids(said(await ben.get(POOLS)))
