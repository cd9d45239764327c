"""Who has never been here is told that a share waits, and how to get it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.crowd import CLAIM_URL, TITLE, new_profile, pay_crowd
from tests.money import EUR, Person, Scene, new_address, rows
from tests.people import new_email
from whipround.db.database import Database
from whipround.domain import claim_links
from whipround.domain.crowd.commands import UNCLAIMED_FOR
from whipround.domain.crowd.plan import Page
from whipround.domain.payees import MOST_TOLD, Address
from whipround.gateways.messages.templates import render

pytestmark = pytest.mark.anyio


async def messages(db: Database) -> list[tuple[Any, ...]]:
    """What goes out to whom."""
    return await rows(
        db, "select channel, recipient, data from outbox where kind = 'share_waiting' order by id"
    )


async def test_an_address_is_told_with_a_link_by_which_to_claim(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    email, phone = new_email(), new_address()
    to: list[Person | Address] = [("email", email), phone, new_profile(), ben]
    await pay_crowd(db, ann, EUR("8.00"), *to, now=scene.now)

    by_mail, by_sms = await messages(db)

    url = by_mail[2].pop("url")
    said = {
        "amount": "2.00",
        "currency": "EUR",
        "payer": ann.user.full_name,
        "title": TITLE,
        "expires_at": (scene.now + UNCLAIMED_FOR).isoformat().replace("+00:00", "Z"),
    }
    assert (by_mail, by_sms) == (("email", email, said), ("sms", phone[1], said))
    async with db.transaction() as tx:
        found = await claim_links.look(tx, secret=url.removeprefix(CLAIM_URL), now=scene.now)
    assert (found.email, found.amounts) == (email, [EUR("2.00")])
    body = render(
        kind="share_waiting", channel="email", locale="en", data={**said, "url": url}
    ).body
    assert f"{ann.user.full_name} sent you €2.00 for “A task”." in body
    assert f"\n{url}\n" in body


async def test_all_shares_of_an_address_are_told_together_and_crumbs_not_at_all(
    db: Database, scene: Scene, ann: Person, ben: Person
) -> None:
    kim: Address = ("email", new_email())
    lee: Address = ("email", new_email())

    await pay_crowd(
        db,
        ann,
        EUR("10.00"),
        *(kim, ben, kim, lee),
        roles=["Author", "", "Editor", ""],
        weights=[400, 3999, 600, 1],
        now=scene.now,
    )

    [[_, recipient, data]] = await messages(db)
    assert (recipient, data["amount"]) == (kim[1], "2.00")


async def test_of_many_roles_one_message_tells_all(
    db: Database, scene: Scene, ann: Person, ben: Person, kim: Address
) -> None:
    """Whether somebody is here or not yet, and it counts as one against what they are told."""
    roles = [str(role) for role in range(2 * (MOST_TOLD + 2))]
    for _ in range(2):
        to: list[Person | Address] = [kim, ben] * (MOST_TOLD + 2)
        await pay_crowd(db, ann, EUR("10.00"), *to, roles=roles, now=scene.now)

    assert [data["amount"] for _, _, data in await messages(db)] == ["5.00", "5.00"]
    assert await rows(
        db, "select data->>'amount' from notification where user_id = %s", ben.id
    ) == [("5.00",), ("5.00",)]
    assert await rows(
        db,
        "select from notification join payment on payment.id = object_id"
        " where recipient_user_id = %s",
        ben.id,
    ) == [(), ()]


async def test_crumbs_are_told_nobody_and_use_up_nothing(
    db: Database, scene: Scene, ann: Person, ben: Person, kim: Address
) -> None:
    for _ in range(MOST_TOLD):
        await pay_crowd(db, ann, EUR("0.01"), kim, ben, new_profile(), now=scene.now)
    assert (await messages(db), await rows(db, "select from notification")) == ([], [])

    await pay_crowd(db, ann, EUR("5.00"), kim, now=scene.now)

    assert [data["amount"] for _, _, data in await messages(db)] == ["5.00"]


async def test_a_message_has_room_for_names_and_no_more(
    db: Database, scene: Scene, kim: Address
) -> None:
    payer = await scene.person(EUR("20.00"), first_name="www.Bank.example", last_name="Security")
    page = Page(title="Log in at https://bank.example/now, or all is lost. " * 3)

    await pay_crowd(db, payer, EUR("2.00"), kim, page=page, now=scene.now)

    [[_, _, data]] = await messages(db)
    assert data["payer"] == "www Bank example Security"
    assert data["title"] == "Log in at https bank example now, or all is lost."


async def test_an_address_is_not_told_without_end(
    db: Database, scene: Scene, ann: Person, kim: Address
) -> None:
    for _ in range(MOST_TOLD + 1):
        await pay_crowd(db, ann, EUR("1.00"), kim, now=scene.now)
    today = len(await messages(db))
    await pay_crowd(db, ann, EUR("1.00"), kim, now=scene.now + timedelta(days=1))

    assert (today, len(await messages(db))) == (MOST_TOLD, MOST_TOLD + 1)


@pytest.fixture
def kim() -> Address:
    """The email of somebody who has never been here."""
    return ("email", new_email())
