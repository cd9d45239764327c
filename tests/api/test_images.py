"""Pictures as they are served: to anybody who knows a name, and to be kept."""

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest
from obstore.store import S3Store
from uuid_utils.compat import uuid7

from tests.api.serving import client_of
from tests.pictures import new_picture, opened
from tests.studio import new_studio
from whipround.api.images import pictures
from whipround.domain.images.gallery import Face
from whipround.flows.studio import Studio
from whipround.gateways.images.store import Store
from whipround.keyring import Keyring

pytestmark = pytest.mark.anyio


class Wall(NamedTuple):
    """Where a picture hangs."""

    http: httpx.AsyncClient
    studio: Studio
    name: str


@pytest.fixture
async def wall(keyring: Keyring, anyio_backend: object) -> AsyncIterator[Wall]:
    studio = new_studio(keyring)
    name = studio.gallery.name(uuid7())
    await studio.store.put(name, await studio.darkroom.render(new_picture((300, 200))))
    async with client_of(pictures(studio)) as http:
        yield Wall(http, studio, name)


async def test_a_picture(wall: Wall) -> None:
    sizes = {}
    for rendition in ("ui", "full", "thumbnail"):
        answer = await wall.http.get(f"/images/{wall.name}/{rendition}.jpg")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert re.fullmatch('"[0-9a-f]{32}"', answer.headers["etag"])
        sizes[rendition] = opened(answer.content).size

    assert sizes == {"ui": (200, 200), "full": (300, 200), "thumbnail": (160, 160)}


async def test_only_its_head(wall: Wall) -> None:
    path = f"/images/{wall.name}/ui.jpg"
    whole, head = await wall.http.get(path), await wall.http.head(path)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == whole.headers


async def test_what_is_known_already(wall: Wall) -> None:
    path = f"/images/{wall.name}/ui.jpg"
    tag = (await wall.http.get(path)).headers["etag"]

    async def ask(known: str) -> httpx.Response:
        return await wall.http.get(path, headers={"If-None-Match": known})

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await ask(known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert "max-age" in answer.headers["cache-control"]
        assert "content-type" not in answer.headers
    for known in ('"other"', tag.strip('"'), ""):
        assert (await ask(known)).status_code == 200


async def test_a_group_picture_is_made_on_the_spot(wall: Wall) -> None:
    name = wall.studio.gallery.group([Face("Ann Dough"), Face("Ben")]).name

    first, again = [await wall.http.get(f"/images/{name}/ui.jpg") for _ in range(2)]

    assert opened(first.content).size == (640, 640)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])


async def test_where_there_is_none(wall: Wall) -> None:
    group = wall.studio.gallery.group([Face("Ann")]).name
    for path in (
        f"/images/{'0' * 32}/ui.jpg",
        f"/images/{wall.name}/ui.png",
        f"/images/{wall.name}/other.jpg",
        f"/images/{wall.name}/ui.jpg/",
        f"/images/{wall.name}",
        f"/images/{wall.name.upper()}/ui.jpg",
        f"/images/{wall.name}/ui.jpg%00",
        f"/images/groups%2F..%2F{wall.name}/ui.jpg",
        f"/images/{group}A/ui.jpg",
        f"/images/{group.replace('groups/', 'groups/A')}/ui.jpg",
        "/images/groups/" + "A" * 30 + "/ui.jpg",
        "/images/",
    ):
        answer = await wall.http.get(path)
        assert (path, answer.status_code, answer.content) == (path, 404, b"")


async def test_nothing_else_can_be_done_with_one(wall: Wall) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = await wall.http.request(method, f"/images/{wall.name}/ui.jpg")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_store_that_is_away(wall: Wall) -> None:
    away = S3Store(
        "pictures",
        endpoint="http://127.0.0.1:9",
        region="eu-west-1",
        skip_signature=True,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    studio = Studio(
        wall.studio.fetcher, wall.studio.darkroom, Store(lambda: away), wall.studio.gallery
    )

    async with client_of(pictures(studio)) as http:
        answer = await http.get(f"/images/{wall.name}/ui.jpg")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
