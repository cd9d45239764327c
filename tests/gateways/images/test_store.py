"""The files of pictures, in a folder and in a bucket."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import obstore
import pytest
from moto.server import ThreadedMotoServer

from whipround.gateways.images.renditions import Renditions
from whipround.gateways.images.store import Store, StoreUnavailable, open_store
from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.settings import Settings

pytestmark = pytest.mark.anyio

FILES = Renditions(b"ui", b"full", b"thumbnail")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of an S3 with a bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.put(f"http://{host}:{port}/pictures")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    if request.param == "folder":
        yield open_store(Settings(data_dir=tmp_path / "new" / "data"))
        return
    endpoint = cast("str", request.getfixturevalue("moto"))
    yield in_bucket(f"s3://pictures/{tmp_path.name}", endpoint)


def in_bucket(url: str, endpoint: str, **given: Any) -> Store:
    options = f"?endpoint={endpoint}&region=eu-west-1&access_key_id=a&secret_access_key=b"
    return open_store(Settings(images_url=url + options, **given))


async def test_files_come_back_until_they_are_removed(store: Store) -> None:
    await store.put("0af1", FILES)
    await store.put("0af2", FILES)
    await store.put("0af2", FILES._replace(ui=b"newer"))

    assert [await store.get("0af1", each) for each in FILES._fields] == list(FILES)
    assert await store.get("0af2", "ui") == b"newer"
    await store.remove("0af1")
    await store.remove("0af1")

    assert [await store.get("0af1", each) for each in FILES._fields] == [None, None, None]
    assert await store.get("0af2", "full") == b"full"
    assert await store.get("0af3", "ui") is None


async def test_what_is_old_in_a_folder_is_pruned(store: Store) -> None:
    now = datetime.now(UTC)
    await store.put("groups/abc", FILES)
    await store.put("0af1", FILES)

    assert await store.prune("groups", before=now - timedelta(days=1)) == 0
    assert await store.prune("groups", before=now + timedelta(days=1)) == 3
    assert await store.prune("groups", before=now + timedelta(days=1)) == 0

    assert await store.get("groups/abc", "ui") is None
    assert await store.get("0af1", "ui") == b"ui"


async def test_a_folder_nobody_else_looks_into(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=tmp_path / "data"))
    assert not (tmp_path / "data").exists()  # until there is a picture

    await store.put("0af1", FILES)

    assert (tmp_path / "data" / "images").stat().st_mode & 0o777 == 0o700


async def test_a_bucket_says_what_a_file_is(moto: str) -> None:
    await in_bucket("s3://pictures/folder", moto).put("0af1", FILES)

    found = await obstore.get_async(
        in_bucket("s3://pictures", moto)._objects, "folder/0af1/thumbnail.jpg"
    )

    assert bytes(await found.bytes_async()) == b"thumbnail"
    assert found.attributes["Content-Type"] == "image/jpeg"
    assert found.attributes["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_a_bucket_that_is_not_there(moto: str) -> None:
    nowhere = in_bucket("s3://nowhere", moto)
    silent = in_bucket("s3://pictures", "http://127.0.0.1:9")

    for store in (nowhere, silent):
        with pytest.raises(StoreUnavailable):
            await store.put("0af1", FILES)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "must begin with s3://, gs:// or az://"),
        ("/var/lib/pictures", "must begin with s3://, gs:// or az://"),
        ("s3:///folder", "must begin with s3://, gs:// or az://"),
        ("s3://bucket?nonsense=secret", "'nonsense' is not valid"),
        ("gs://bucket?service_account_key=secret", "the options are wrong"),
        ("az://container", "the options are wrong"),
    ],
    ids=range(6),
)
def test_a_setting_that_is_no_store(url: str, why: str) -> None:
    with pytest.raises(GatewayMisconfigured) as refused:
        open_store(Settings(images_url=url))

    assert why in str(refused.value)
    assert "secret" not in str(refused.value)
