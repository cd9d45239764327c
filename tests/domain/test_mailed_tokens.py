"""Links that confirm an address: what they prove, for how long, and to whom the money goes."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.mails import last_link, mailed
from tests.money import EUR, Person, Scene, held, problems, rows
from tests.people import new_email
from whipround.domain import credentials, mailed_tokens
from whipround.domain.mailed_tokens import MailedTokenNotFound
from whipround.domain.users.person import User
from whipround.domain.users.proofs import Proven
from whipround.errors import Invalid, Throttled

pytestmark = pytest.mark.anyio

URL = "https://pay.test/api/confirmations/"
WEEK = timedelta(days=7)


async def _says(scene: Scene, email: str | None, **given: Any) -> Person:
    """Somebody who says that the email is theirs, and has been mailed a link."""
    person = await scene.person(email=email, **given)
    await _send(scene, person.user)
    return person


async def _send(scene: Scene, user: User, **given: Any) -> bool:
    async with scene.db.transaction() as tx:
        return await mailed_tokens.send_confirmation(
            tx, user=user, keyring=scene.keyring, now=scene.now, **{"url": URL, **given}
        )


async def _resend(scene: Scene, person: Person) -> None:
    async with scene.db.transaction() as tx:
        await mailed_tokens.resend_confirmation(
            tx, user_id=person.id, url=URL, keyring=scene.keyring, now=scene.now
        )


async def _confirm(scene: Scene, secret: str, *, later: timedelta = timedelta()) -> User:
    async with scene.db.transaction() as tx:
        return await mailed_tokens.confirm(tx, secret=secret, now=scene.now + later)


async def _token(scene: Scene, email: str) -> str:
    return str((await last_link(scene.db, email))["token"])


async def _refused(scene: Scene, secret: str, **given: Any) -> None:
    with pytest.raises(MailedTokenNotFound):
        await _confirm(scene, secret, **given)


async def test_a_link_proves_the_address_and_brings_what_waits(scene: Scene, ann: Person) -> None:
    email = new_email()
    await scene.pay(scene.order(ann, ("email", email)))
    # No name of hers makes a link in a mail that somebody else may get, nor much else.
    last_name = f"roe.example {'x' * 80}"
    jane = await _says(scene, email, first_name="Jane", last_name=last_name, locale="es-MX")
    link = await last_link(scene.db, email)

    user = await _confirm(scene, link["token"], later=WEEK - timedelta(seconds=1))

    name = "Jane roe example " + "x" * 33
    assert link == {"token": link["token"], "url": URL + link["token"], "name": name}
    assert link["token"].startswith("wml_")
    assert (user.id, user.email) == (jane.id, email)
    assert user.email_verified_at == scene.now + WEEK - timedelta(seconds=1)
    assert await held(scene.db, jane) == Decimal(6)
    [[digest]] = await rows(scene.db, "select digest from mailed_token")
    assert digest == credentials.secret_digest("wml", link["token"])
    await _refused(scene, link["token"])
    assert await problems(scene.db) == []


async def test_what_is_no_good_proves_nothing(scene: Scene) -> None:
    email, other = new_email(), new_email()
    jane = await _says(scene, email)
    token = await _token(scene, email)

    await _refused(scene, token, later=WEEK)
    for unknown in ("", "wml_unknown", token[:-1], token.replace("wml_", "wmp_"), "wml_\0"):
        await _refused(scene, unknown)
    await rows(scene.db, "update users set email = %s where id = %s returning 1", other, jane.id)
    await _refused(scene, token)
    await rows(
        scene.db,
        "update users set email = %s, status = 'rejected' where id = %s returning 1",
        email,
        jane.id,
    )
    await _refused(scene, token)
    assert await rows(scene.db, "select email_verified_at from users where id = %s", jane.id) == [
        (None,)
    ]


async def test_who_says_the_same_first_keeps_nobody_out(scene: Scene) -> None:
    email = new_email()
    squatter, owner = await _says(scene, email), await _says(scene, email)
    first, second = (it["token"] for it in await mailed(scene.db, email, "email_confirmation"))

    await _confirm(scene, second)

    with pytest.raises(Invalid) as taken:
        await _confirm(scene, first)
    assert [(it.field, it.code) for it in taken.value.errors] == [("email", "already_taken")]
    assert await rows(
        scene.db, "select id from users where email_verified_at is not null and email = %s", email
    ) == [(owner.id,)]
    with pytest.raises(Invalid) as taken:
        await _resend(scene, squatter)
    assert [(it.field, it.code) for it in taken.value.errors] == [("email", "already_taken")]
    assert len(await mailed(scene.db, email, "email_confirmation")) == 2


async def test_two_confirm_one_address_at_once(scene: Scene, ann: Person) -> None:
    email = new_email()
    await scene.pay(scene.order(ann, ("email", email)))
    people = [await _says(scene, email) for _ in range(4)]
    links = await mailed(scene.db, email, "email_confirmation")

    ends = await asyncio.gather(
        *(_confirm(scene, it["token"]) for it in links), return_exceptions=True
    )

    [proven] = [it for it in ends if isinstance(it, User)]
    assert sum(isinstance(it, Invalid) for it in ends) == 3
    assert [await held(scene.db, it) for it in people if it.id == proven.id] == [Decimal(6)]
    assert await problems(scene.db) == []


async def test_one_link_is_followed_twice_at_once(scene: Scene, ann: Person) -> None:
    email = new_email()
    await scene.pay(scene.order(ann, ("email", email)))
    jane = await _says(scene, email)
    token = await _token(scene, email)

    ends = await asyncio.gather(*(_confirm(scene, token) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(it, User) for it in ends) == 1
    assert sum(isinstance(it, MailedTokenNotFound) for it in ends) == 4
    assert await held(scene.db, jane) == Decimal(6)


async def test_a_link_and_money_at_once(scene: Scene, ann: Person) -> None:
    """However a payment and the proof meet, the money arrives."""
    for _ in range(3):
        email = new_email()
        jane = await _says(scene, email)
        token = await _token(scene, email)
        await asyncio.gather(
            _confirm(scene, token), scene.pay(scene.order(ann, ("email", email), EUR("1.00")))
        )

        assert await held(scene.db, jane) == Decimal(1)
    assert await problems(scene.db) == []


async def test_another_link_for_who_asks_for_it(scene: Scene) -> None:
    email = new_email()
    jane = await _says(scene, email)
    first = await _token(scene, email)

    await _resend(scene, jane)
    await _confirm(scene, first)
    again = await _confirm(scene, await _token(scene, email))

    assert again.email_verified_at == scene.now
    nobody = await scene.person()
    for person, code in ((jane, "invalid"), (nobody, "required")):
        with pytest.raises(Invalid) as refused:
            await _resend(scene, person)
        assert [(it.field, it.code) for it in refused.value.errors] == [("email", code)]
    proven = await scene.person(proven=Proven(email=new_email()))
    assert not await _send(scene, nobody.user)
    assert not await _send(scene, proven.user)


async def test_an_address_and_a_person_get_few_links(scene: Scene) -> None:
    email = new_email()
    jane = await _says(scene, email)
    sent = [await _send(scene, (await scene.person(email=email)).user) for _ in range(5)]

    assert sent == [True] * 4 + [False]
    with pytest.raises(Throttled):
        await _resend(scene, jane)
    moved = [await _send(scene, jane.user._replace(email=new_email())) for _ in range(10)]
    assert moved == [True] * 9 + [False]
    assert await _send(scene, jane.user, url=f"{URL}?product-id=7", limit_multiplier=1000)
    link = await last_link(scene.db, email)
    assert link["url"] == f"{URL}{link['token']}?product-id=7"


async def test_what_has_expired_is_forgotten_a_day_later(scene: Scene) -> None:
    await _says(scene, new_email())
    ends = WEEK + mailed_tokens.KEPT_FOR

    async with scene.db.transaction() as tx:
        early = await mailed_tokens.prune(tx, now=scene.now + ends, limit=10)
        due = await mailed_tokens.prune(tx, now=scene.now + ends + timedelta(seconds=1), limit=10)

    assert (early, due) == (0, 1)
