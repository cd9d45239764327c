"""Mobbr, List unclaimed shares and List claimable payments, over HTTP."""

from dataclasses import replace
from datetime import timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

import pytest

from tests import crowd
from tests.api.mobbr.client import Client, Json, refused, said
from tests.money import EUR, Scene, rows
from tests.people import new_email, new_phone
from whipround.domain import claims
from whipround.domain.crowd.commands import PLEDGED_FOR
from whipround.domain.crowd.plan import Page
from whipround.domain.payees import Address

pytestmark = pytest.mark.anyio

UNCLAIMED, CLAIMABLE = "/payments/unclaimed_shares", "/payments/claimable"

PAGE = Page(
    url="https://example.org/articles/1",
    host="example.org",
    title="An article",
    description="All about tacos",
    message="Thank you",
)


def digest(text: str) -> str:
    """Its MD5 digest."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
async def ann(client: Client) -> Client:
    """Somebody with 100 euros."""
    return await client.join(EUR("100.00"), first_name="Ann")


@pytest.fixture
async def ben(client: Client) -> Client:
    """Somebody with as many."""
    return await client.join(EUR("100.00"), first_name="Ben")


async def paid(scene: Scene, payer: Client, *to: Any, amount: str = "1.00", **how: Any) -> UUID:
    """Have somebody pay a crowd payment."""
    people = [it.person if isinstance(it, Client) else it for it in to]
    how.setdefault("page", PAGE)
    return await crowd.pay_crowd(scene.db, payer.person, EUR(amount), *people, now=scene.now, **how)


async def test_what_waits_of_ones_payments(scene: Scene, ann: Client, ben: Client) -> None:
    email: Address = ("email", new_email())
    phone: Address = ("phone", new_phone())
    profile = crowd.new_profile()
    crowd_id = await paid(scene, ann, ben, email, profile, amount="9.00", weights=[1, 3, 5])
    later = replace(scene, now=scene.now + timedelta(seconds=1))
    [sent] = await later.pay(scene.order(ann.person, phone, EUR("2.00")))
    assert sent.payment_id
    numbers = dict(
        await rows(
            scene.db,
            "select address, payment.number::text"
            " from payment join payee on payee.id = recipient_payee_id where owner_id = %s",
            ann.person.id,
        )
    )
    email_id = f"mailto:{email[1]}"
    share = {
        "currency_iso": "EUR",
        "amount": "3.00000000",
        "share_id": numbers[email[1]],
        "recipient_id": email_id,
        "payment_id": crowd_id.hex,
        "url": PAGE.url,
        "datetime": scene.now.strftime("%Y-%m-%d %H:%M:%S"),
        "title": "An article",
        "description": "All about tacos",
        "memo": "Thank you",
        "gravatar": digest(email[1]),
    }

    found = said(await ann.get(UNCLAIMED))

    assert [it["amount"] for it in found] == ["2.00000000", "3.00000000", "5.00000000"]
    stands_for = found[1].pop("username")
    assert found[1] == share
    assert len(stands_for) == len(digest(""))
    assert email[1] not in stands_for
    assert found[2]["recipient_id"] == profile[1]
    assert found[0] == {
        **share,
        "amount": "2.00000000",
        "share_id": numbers[phone[1]],
        "recipient_id": f"tel:{phone[1]}",
        "payment_id": sent.payment_id.hex,
        "url": None,
        "datetime": later.now.strftime("%Y-%m-%d %H:%M:%S"),
        "title": "Lunch",
        "description": None,
        "memo": None,
        "username": found[0]["username"],
        "gravatar": found[0]["gravatar"],
    }
    assert said(await ben.get(UNCLAIMED)) == []
    async with scene.db.transaction() as tx:
        await claims.prove(tx, user_id=ben.person.id, addresses=[email, phone], now=scene.now)
    assert [it["recipient_id"] for it in said(await ann.get(UNCLAIMED))] == [profile[1]]


async def test_pledges_to_a_page_are_claimable(scene: Scene, ann: Client, ben: Client) -> None:
    url = f"https://example.org/{ann.username}"
    page = Page(url=url, host="example.org", title="A task", description="To do")
    first = await paid(scene, ann, ben, page=page, pledge=True)
    await paid(scene, ben, ann, page=page, pledge=True, amount="2.00")
    long_ago = replace(scene, now=scene.now - PLEDGED_FOR)
    await paid(long_ago, ben, ann, page=page, pledge=True)
    await paid(scene, ann, ben, page=page)

    found = said(await ben.get(CLAIMABLE, url_or_email=url))

    assert found[0] == {
        "url": url,
        "title": "A task",
        "description": "To do",
        "id": first.hex,
        "invoiced": "0",
        "ref_uri": None,
        "amount": "-1.00000000",
        "currency_iso": "EUR",
    }
    assert [it["amount"] for it in found] == ["-1.00000000", "-2.00000000"]
    assert said(await ben.get(CLAIMABLE, url_or_email=url, offset=1, limit=1)) == found[1:]
    assert said(await ben.get(CLAIMABLE, url_or_email=f"{url}/other")) == []


async def test_what_waits_for_an_address_shows_to_who_may_know(
    scene: Scene, client: Client, ann: Client, ben: Client
) -> None:
    email: Address = ("email", new_email())
    profile = crowd.new_profile()
    roles = ["Author", "", "Editor"]
    public = await paid(scene, ann, profile, email, profile, roles=roles, amount="6.00")
    private = await paid(scene, ann, profile, page=Page(title="Rent"), amount="3.00")
    [sent] = await scene.pay(scene.order(ann.person, email, EUR("5.00")))
    assert sent.payment_id

    async def found(of: Client, address: str) -> set[tuple[str, str]]:
        lines: list[Json] = said(await of.get(CLAIMABLE, url_or_email=address))
        return {(it["id"], it["amount"]) for it in lines}

    of_profile = (public.hex, "-4.00000000")
    assert await found(ben, f"{profile[1].upper()}/") == {of_profile}
    assert await found(ann, profile[1]) == {of_profile, (private.hex, "-3.00000000")}
    assert await found(ann, email[1].upper()) == await found(ann, f"mailto:{email[1]}")
    assert await found(ann, email[1]) == {
        (public.hex, "-2.00000000"),
        (sent.payment_id.hex, "-5.00000000"),
    }
    assert await found(ben, email[1]) == await found(ben, new_email()) == set()
    # What has expired waits no more, whether it has been returned or not.
    expired = "update holding set expires_at = now() where object_id = %s returning 1"
    await rows(scene.db, expired, sent.payment_id)
    assert await found(ann, email[1]) == {(public.hex, "-2.00000000")}
    refused(await client.get(CLAIMABLE, url_or_email=profile[1]), 403)
    wrong = "Invalid parameter: url_or_email. Must be an http or https address, or an email."
    for nothing in (ben.username, "https://", "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"):
        assert refused(await ann.get(CLAIMABLE, url_or_email=nothing)) == wrong
