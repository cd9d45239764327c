"""Mobbr, Confirm payment, over HTTP: what was shown is paid, once, by whom it was shown to."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Shared
from tests.api.mobbr.client import Client, Json, refused, said, told
from tests.api.serving import mobbr
from tests.money import (
    EUR,
    charge,
    fund,
    held,
    nothing_changing,
    nothing_moving,
    problems,
    rows,
)
from tests.outside import Outside
from tests.people import new_email, new_phone
from whipround.domain import relationships, throttles

pytestmark = pytest.mark.anyio

REFUSED = (
    "Invalid parameter: hash. The hash is unknown, has been used or has expired: preview the"
    " payment again."
)


@pytest.fixture
async def ann(web_client: Client) -> Client:
    """Somebody with 20 euros."""
    return await web_client.join(EUR("20.00"), first_name="Ann")


@pytest.fixture
async def ben(web_client: Client) -> Client:
    """Somebody who is paid."""
    return await web_client.join(first_name="Ben")


async def shown(client: Client, data: object, amount: object = 6, **given: Any) -> Json:
    """What somebody is shown of a payment in euros."""
    body = {"data": data, "amount": amount, "currency": "EUR", **given}
    result: Json = said(await client.post("/payments/preview", body))
    return result


async def confirm(client: Client, preview: Json | str, **given: Any) -> Any:
    """What confirming it is answered."""
    hash_ = preview if isinstance(preview, str) else preview["hash"]
    return await client.put("/payments/confirm", {"hash": hash_}, **given)


async def balance(client: Client) -> float:
    """The euros of somebody, of which there are no more than a double has."""
    return float(await held(client.db, client.person))


def script(*ids: str, **of: Any) -> Json:
    """A script of these people, a share each."""
    return {"participants": [{"id": id_} for id_ in ids], **of}


async def test_what_was_shown_is_paid(ann: Client, ben: Client) -> None:
    email, profile = new_email(), "https://github.com/octocat"
    preview = await shown(ann, script(ben.username, f"mailto:{email}", profile, title="A task"))

    answer = await confirm(ann, preview)

    result = said(answer)
    assert told(answer) == "EUR 6 was divided among 3 recipient(s)"
    assert answer.json()["message"]["type"] == "info"
    assert result["payment_script"] == preview["script"]
    assert len(bytes.fromhex(result["payment_id"])) == 16
    assert (await balance(ann), await balance(ben)) == (14, 2)
    assert await rows(
        ann.db,
        "select payee.kind, address, amount, expires_at - holding.created_at"
        " from holding join payee on payee.id = payee_id"
        " where address = any(%s) order by payee.kind",
        [email, profile],
    ) == [("email", email, 2, timedelta(days=90)), ("profile", profile, 2, timedelta(days=90))]
    assert not await problems(ann.db)


async def test_to_one_recipient_in_two_roles(ann: Client, ben: Client) -> None:
    people = [{"id": ben.username, "role": role} for role in ("Author", "Closer")]

    answer = await confirm(ann, await shown(ann, {"participants": people}, "0.10"))

    assert told(answer) == "EUR 0.1 was divided among 1 recipient(s)"
    assert await balance(ben) == 0.10


async def test_a_pledge(ann: Client, ben: Client, outside: Outside) -> None:
    url = outside.page(script(ben.username, type="pledge"), head="<title>A task</title>")

    answer = await confirm(ann, await shown(ann, url))

    assert told(answer) == "EUR 6 was pledged"
    assert said(answer)["payment_script"]["type"] == "pledge"
    assert (await balance(ann), await balance(ben)) == (14, 0)
    assert await rows(
        ann.db,
        "select status, host, title, expires_at - created_at from crowd_payment where url = %s",
        url,
    ) == [("pledged", "127.0.0.1", "A task", timedelta(days=180))]


async def test_the_fee_that_was_shown_comes_on_top(ann: Client, ben: Client) -> None:
    await charge(ann.db, EUR("0.50"))
    preview = await shown(ann, ben.username)
    await charge(ann.db, EUR("5.00"))
    try:
        told_ = told(await confirm(ann, preview))
    finally:
        await charge(ann.db)

    assert preview["script"][".fee"] == Decimal("0.50")
    assert told_ == "EUR 6 was divided among 1 recipient(s)"
    assert (await balance(ann), await balance(ben)) == (13.50, 6)


async def test_whoever_repeats_it_gets_the_first_answer(ann: Client, ben: Client) -> None:
    preview = await shown(ann, ben.username)

    first = await confirm(ann, preview, key="a")
    again = await confirm(ann, preview, key="b")
    await rows(
        ann.db,
        "update crowd_preview set expires_at = expires_at - interval '1 hour'"
        " where user_id = %s returning 1",
        ann.person.id,
    )
    later = await confirm(await ann.of(ann.person), preview)

    assert (again.content, later.content) == (first.content, first.content)
    assert again.status_code == later.status_code == 201
    assert await balance(ann) == 14


async def test_sent_many_times_at_once_it_is_paid_once(ann: Client, ben: Client) -> None:
    preview = await shown(ann, ben.username)

    answers = await asyncio.gather(*(confirm(ann, preview) for _ in range(8)))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert await balance(ann) == 14


async def test_who_has_not_said_who_they_are_may_be_shown_it(
    web_client: Client, ann: Client, ben: Client
) -> None:
    preview = await shown(web_client, ben.username)
    refused(await confirm(web_client, preview), 403)

    first = await confirm(ann, preview)

    said(first)
    eve = await ann.join(EUR("10.00"))
    assert refused(await confirm(eve, preview)) == REFUSED
    assert (await confirm(ann, preview)).content == first.content
    assert (await balance(ann), await balance(eve), await balance(ben)) == (14, 10, 6)


async def test_two_race_for_what_was_shown_to_nobody(
    web_client: Client, ann: Client, ben: Client
) -> None:
    eve = await ann.join(EUR("20.00"))
    preview = await shown(web_client, ben.username)

    answers = await asyncio.gather(*(confirm(each, preview) for each in (ann, eve)))

    assert sorted(answer.status_code for answer in answers) == [201, 400]
    assert await balance(ben) == 6


@pytest.mark.parametrize("text", ["", "x", "0" * 32, "G" * 32, "0" * 10_000])
async def test_of_no_hash_nothing_is_paid(ann: Client, text: str) -> None:
    async with nothing_changing(ann.db):
        assert refused(await confirm(ann, text)) == REFUSED
        refused(await ann.put("/payments/confirm", {"hash": 5}))
        assert refused(await ann.put("/payments/confirm", {})) == (
            "Argument [hash] to method [PUT /api_v1/payments/confirm] missing or invalid."
        )


async def test_nor_of_anothers(ann: Client, ben: Client) -> None:
    preview = await shown(ann, f"mailto:{new_email()}")

    async with nothing_changing(ann.db):
        assert refused(await confirm(ben, preview)) == REFUSED


async def test_nor_of_what_has_expired(ann: Client, ben: Client) -> None:
    preview = await shown(ann, ben.username)
    await rows(
        ann.db,
        "update crowd_preview set expires_at = now() where user_id = %s returning 1",
        ann.person.id,
    )

    async with nothing_changing(ann.db):
        assert refused(await confirm(ann, preview)) == REFUSED


async def test_nor_of_what_was_changed_meanwhile(ann: Client, ben: Client) -> None:
    preview = await shown(ann, ben.username)
    await rows(
        ann.db,
        "update crowd_preview set plan = convert_to(replace(convert_from(plan, 'utf8'),"
        " '\"amount\":\"6', '\"amount\":\"5'), 'utf8') where user_id = %s returning 1",
        ann.person.id,
    )

    async with nothing_changing(ann.db):
        assert refused(await confirm(ann, preview)) == REFUSED


async def test_a_refusal_has_used_nothing_up(ann: Client, ben: Client) -> None:
    preview = await shown(ben, ann.username, 5)
    async with nothing_moving(ann.db):
        assert "not enough money" in refused(await confirm(ben, preview))
    said(await confirm(ann, await shown(ann, ben.username, 6)))

    said(await confirm(ben, preview))

    assert (await balance(ann), await balance(ben)) == (19, 1)


async def test_who_cannot_be_paid_any_more(ann: Client, ben: Client) -> None:
    preview = await shown(ann, script(ben.username, f"mailto:{new_email()}"))
    async with ann.db.transaction() as tx:
        now = ann.person.user.created_at
        await relationships.block(tx, user_id=ben.person.id, other_user_id=ann.person.id, now=now)

    async with nothing_moving(ann.db):
        told_ = refused(await confirm(ann, preview))

    assert told_ == (
        "Not everybody can be paid any more as it was shown: preview the payment again."
    )


async def test_nobody_pays_themselves_by_what_was_shown_to_nobody(
    web_client: Client, ann: Client
) -> None:
    preview = await shown(web_client, script(ann.username, f"mailto:{new_email()}"))

    async with nothing_moving(ann.db):
        refused(await confirm(ann, preview))


async def test_who_is_written_to_is_limited(
    shared: Shared, web_client: Client, ben: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = throttles.Limit("few_shares", 1 + throttles.PHONE_WEIGHT, timedelta(days=1))
    monkeypatch.setattr(throttles, "SHARES_HELD_PER_USER", few)
    async with mobbr(shared, sandbox=False) as http:
        ann = await Client(http, shared.db, shared.keyring).join(EUR("50.00"))
        two = script(ben.username, f"mailto:{new_email()}", f"tel:{new_phone()}")
        preview = await shown(ann, two, 60)
        # What was refused, and a repeat, even at the same moment, count for nothing more.
        refused(await confirm(ann, preview))
        await fund(shared.db, ann.person, EUR("50.00"), now=datetime.now(UTC))
        for answer in await asyncio.gather(*(confirm(ann, preview) for _ in range(3))):
            said(answer)

        another = await shown(ann, two)
        async with nothing_changing(shared.db):
            refused(await confirm(ann, another), 429)

        said(await confirm(ann, await shown(ann, script(ben.username, "https://x.com/jack"))))
        said(await confirm(ann, await shown(ann, {**two, "type": "pledge"})))


async def test_in_the_language_that_is_asked_for(ann: Client, ben: Client) -> None:
    preview = await shown(ann, ben.username)

    answer = await confirm(ann.reading("es"), preview)

    assert told(answer) == "EUR 6 se repartieron entre 1 destinatario(s)"


async def test_a_pledge_to_ones_own_issue(ann: Client, outside: Outside) -> None:
    url = outside.page(script(ann.username, type="pledge"))

    assert told(await confirm(ann, await shown(ann, url))) == "EUR 6 was pledged"
