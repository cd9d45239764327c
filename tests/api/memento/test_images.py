"""Memento, Images: uploading pictures, and giving them to people and things."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from tests.api.checks import differs
from tests.api.conftest import Shared
from tests.api.memento.client import Json, error_code, wrong_fields
from tests.api.memento.documented import PICTURE
from tests.api.memento.paying import Customer, Town, said
from tests.api.memento.picturing import IMAGES, upload, uploaded
from tests.api.memento.pooling import collect
from tests.api.memento.requesting import ask, asking, path, seen, share
from tests.images import PICTURE_URL
from tests.money import EUR, rows
from tests.pictures import new_picture
from tests.studio import PUBLIC_URL, new_studio
from tests.website import website
from whipround.flows.images import FetchLane

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(place: Town) -> Customer:
    return await place.person(EUR("50.00"), first_name="Ann")


@pytest.fixture
async def ben(place: Town) -> Customer:
    return await place.person(EUR("50.00"), first_name="Ben")


# Uploading.


async def test_an_upload(ann: Customer) -> None:
    given: Json = {"description": "Ann, at the sea", "meta": '{"a": 1}', "crop": "0,40,10,50"}

    made = said(await upload(ann, **given), 201)

    assert differs(made, PICTURE) == ""
    assert (made["description"], made["meta"]) == (given["description"], given["meta"])
    assert made["url"] == made["cropped_url"]
    names = {made[each].removeprefix(f"{PUBLIC_URL}/images/").split("/")[0] for each in _URLS}
    assert len(names) == 1
    assert [made[each].rpartition("/")[2] for each in _URLS] == [
        "ui.jpg",
        "full.jpg",
        "thumbnail.jpg",
    ]
    assert said(await ann.get(f"{IMAGES}/{made['id']}")) == made


_URLS = ("url", "full_screen_url", "thumbnail_url")


@pytest.mark.parametrize(
    ("file", "given", "wrong"),
    [
        (b"", {}, {"file": "required"}),
        (b"nonsense", {}, {"file": "unsupported"}),
        (new_picture()[:-30], {}, {"file": "invalid"}),
        (b"x" * (10 * 1024**2 + 1), {}, {"file": "too_large"}),
        (None, {"crop": "0,10,0"}, {"crop": "invalid"}),
        (None, {"crop": "0,10,0,1e1"}, {"crop": "invalid"}),
        (None, {"crop": "0,10,-1,10"}, {"crop": "invalid"}),
        (None, {"crop": "0,81,0,10"}, {"crop": "invalid"}),
        (None, {"crop": "9,9,0,10"}, {"crop": "invalid"}),
        (None, {"pool_id": "1"}, {"pool_id": "invalid"}),
        (None, {"payment_id": uuid7()}, {"payment_id": "not_found"}),
        (None, {"payment_request_id": uuid7()}, {"payment_request_id": "not_found"}),
        (None, {"pool_id": uuid7()}, {"pool_id": "not_found"}),
        (None, {"pool_id": uuid7(), "payment_id": uuid7()}, {"pool_id": "invalid"}),
        (
            None,
            {"description": "x" * 1001, "meta": "\x01"},
            {"description": "too_long", "meta": "invalid"},
        ),
        (
            b"",
            {"crop": "x", "meta": "a\x00b"},
            {"file": "required", "crop": "invalid", "meta": "invalid"},
        ),
    ],
    ids=range(16),
)
async def test_an_upload_of_what_is_wrong(
    ann: Customer, file: bytes | None, given: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert wrong_fields(await upload(ann, file, **given)) == wrong
    assert await rows(ann.client.db, "select 1 from image where owner_id = %s", ann.user.id) == []


async def test_what_is_no_form(ann: Customer) -> None:
    for body in (b"{}", b"", b"--x\r\n"):
        assert error_code(await ann.post(IMAGES, body)) == "malformed_body"
    large = b"x" * (11 * 1024**2 + 1)
    assert error_code(await ann.post(IMAGES, large), 413) == "body_too_large"


async def test_an_upload_sent_again(ann: Customer) -> None:
    key = uuid4()

    at_once = await asyncio.gather(*(upload(ann, key=key) for _ in range(3)))
    again = await upload(ann, key=key)  # with another boundary, as all of them
    other = await upload(ann, key=key, meta="other")

    assert {answer.text for answer in at_once} == {again.text}
    assert error_code(other) == "correlation_id_reused"
    # Of the repeats there is nothing left but what is about to be deleted.
    found = await rows(ann.client.db, "select status from image where owner_id = %s", ann.user.id)
    assert sorted(found) == [("ready",), *[("removed",)] * 4]


async def test_a_refusal_is_told_in_the_callers_language(ann: Customer) -> None:
    said_so = await ann.client.http.post(
        IMAGES,
        files={"file": ("a", b"nonsense")},
        headers={
            "Product-ID": ann.client.product_id,
            "Authorization": f"Bearer {ann.client.session}",
            "Accept-Language": "en",
        },
    )

    [error] = json.loads(said_so.text)["errors"]
    assert error["message"] == "File must be a JPEG, PNG or WebP picture"


# Whose they are, and who sees them.


async def test_ones_own_picture(ann: Customer, ben: Customer) -> None:
    image_id = await uploaded(ann)

    me = said(await ann.put("/v1/users", {"image": {"id": image_id}}))

    assert me["image"]["id"] == image_id
    assert said(await ann.get("/v1/users/current"))["image"] == me["image"]
    assert said(await ben.get(f"/v1/users/{ann.id}"))["image"] == me["image"]
    assert said(await ben.get(f"{IMAGES}/{image_id}")) == me["image"]
    assert said(await ann.put("/v1/users", {"first_name": "Anna"}))["image"] == me["image"]
    assert said(await ann.put("/v1/users", {"image": me["image"]}))["image"] == me["image"]
    assert said(await ann.put("/v1/users", {"image": None}))["image"] is None
    assert (await ann.get(f"{IMAGES}/{image_id}")).status_code == 404
    assert (await ben.get(f"{IMAGES}/{image_id}")).status_code == 404


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        ({}, {"image.url": "required"}),
        ({"id": str(uuid7())}, {"image.id": "not_found"}),
        ({"id": "1"}, {"image.id": "invalid"}),
        ({"id": str(uuid7()), "url": PICTURE_URL}, {"image.id": "not_found"}),
        ({"url": "ftp://example.com/"}, {"image.url": "invalid"}),
    ],
    ids=range(5),
)
async def test_a_body_with_a_wrong_picture(ann: Customer, image: Json, wrong: Json) -> None:
    answers = [
        await ann.put("/v1/users", {"image": image}),
        await ann.pay("+447700900998", image=image),
        await ann.post("/v1/requests", asking(ann, share("+447700900998"), image=image)),
    ]

    assert [wrong_fields(answer) for answer in answers] == [wrong] * 3


async def test_somebody_elses_upload(ann: Customer, ben: Customer) -> None:
    image_id = await uploaded(ben)
    image = {"id": image_id}

    assert (await ann.get(f"{IMAGES}/{image_id}")).status_code == 404
    assert wrong_fields(await ann.put("/v1/users", {"image": image})) == {"image.id": "not_found"}
    assert wrong_fields(await ann.pay(ben, image=image)) == {"image.id": "not_found"}


async def test_a_picture_from_elsewhere(shared: Shared, ann: Customer, ben: Customer) -> None:
    lane = FetchLane(new_studio(shared.keyring))
    async with website() as site:
        url = site.serve("/a", new_picture(), content_type="image/png")
        assert said(await ann.put("/v1/users", {"image": {"url": url}}))["image"] is None
        paid = said(await ann.pay(ben, image={"url": url}), 201)

        await lane.deliver_some(shared.db, now=datetime.now(UTC))

    me = said(await ann.get("/v1/users/current"))
    assert differs(me["image"], PICTURE) == ""
    now = said(await ann.get(f"/v1/payments/{paid['id']}"))["image"]
    assert now["id"] != paid["image"]["id"]
    assert said(await ann.get(f"{IMAGES}/{now['id']}")) == now


# What they are of.


async def test_a_payment_shows_its_two_sides(ann: Customer, ben: Customer) -> None:
    plain = said(await ann.pay(ben), 201)["image"]
    await ben.put("/v1/users", {"image": {"id": await uploaded(ben)}})
    again = said(await ann.pay(ben), 201)
    unknown = said(await ann.pay("+447700900999"), 201)["image"]

    assert differs(plain, PICTURE) == ""
    assert "/images/groups/" in plain["url"]
    assert len({plain["url"], again["image"]["url"], unknown["url"]}) == 3
    for viewer in (ann, ben):
        shown = said(await viewer.get(f"/v1/payments/{again['id']}"))
        assert shown["image"] == again["image"]
    [listed] = said(await ann.get("/v1/payments?limit=1&sort=created_at:asc"))
    assert listed["image"]["url"] == again["image"]["url"]
    assert (await ann.get(f"{IMAGES}/{plain['id']}")).status_code == 404


async def test_a_payment_with_an_uploaded_picture(ann: Customer, ben: Customer) -> None:
    image_id, key = await uploaded(ann, meta="lunch"), uuid4()

    paid = await ann.pay(ben, key=key, image={"id": image_id})
    again = await ann.pay(ben, key=key, image={"id": image_id})
    other = said(await ann.pay(ben, image={"id": image_id}), 201)

    assert said(paid, 201)["image"]["id"] == image_id
    assert said(again, 201) == said(paid, 201)
    assert other["image"]["id"] != image_id  # it is of the first already
    seen_by_ben = said(await ben.get(f"/v1/payments/{said(paid, 201)['id']}"))["image"]
    assert (seen_by_ben["id"], seen_by_ben["meta"]) == (image_id, "lunch")
    assert said(await ben.get(f"{IMAGES}/{image_id}")) == seen_by_ben


async def test_uploaded_for_what_is_there_already(
    place: Town, ann: Customer, ben: Customer
) -> None:
    carl = await place.person()
    payment = said(await ann.pay(ben), 201)
    request = await ask(ann, ben)
    pool = await collect(ann)
    objects = {
        "payment_id": (f"/v1/payments/{payment['id']}", payment),
        "payment_request_id": (path(request), request),
        "pool_id": (f"/v1/pools/{pool['id']}", pool),
    }

    for field, (where, what) in objects.items():
        first, second = [await uploaded(ann, **{field: what["id"]}) for _ in range(2)]
        shown = said(await ann.get(where))
        if field == "payment_request_id":
            assert shown["image"]["id"] == first
            assert [each["id"] for each in shown["images"]] == [first, second]
        else:
            assert shown["image"]["id"] == second
            assert (await ann.get(f"{IMAGES}/{first}")).status_code == 404
        if field != "pool_id":
            assert said(await ben.get(f"{IMAGES}/{shown['image']['id']}")) == shown["image"]
        assert (await carl.get(f"{IMAGES}/{shown['image']['id']}")).status_code == 404
        # Only its owner's own.
        assert wrong_fields(await upload(ben, **{field: what["id"]})) == {field: "not_found"}


async def test_a_request_may_have_ten(ann: Customer, ben: Customer) -> None:
    ids = [await uploaded(ann) for _ in range(3)]

    request = await ask(ann, ben, image={"id": ids[1]}, image_ids=ids)

    assert request["image"]["id"] == ids[1]
    assert [each["id"] for each in request["images"]] == [ids[1], ids[0], ids[2]]
    for _ in range(7):
        await uploaded(ann, payment_request_id=request["id"])
    assert wrong_fields(await upload(ann, payment_request_id=request["id"])) == {
        "payment_request_id": "too_long"
    }
    changed = said(await ann.put(path(request), {"image": None}))
    assert [each["id"] for each in changed["images"]][:2] == [ids[0], ids[2]]
    assert (await ann.delete(path(request))).status_code == 200
    assert (await ann.get(f"{IMAGES}/{ids[0]}")).status_code == 404


async def test_seen_with_the_request_it_is_of(ann: Customer, ben: Customer) -> None:
    request = await ask(ann, ben, image={"id": await uploaded(ann)})

    assert (await seen(ben, request))["image"] == request["image"]
    assert said(await ben.get(f"{IMAGES}/{request['image']['id']}")) == request["image"]
