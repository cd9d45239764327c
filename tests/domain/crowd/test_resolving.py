"""Who the participants of a script are, and which of them can be paid, by whom."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tests.domain.scripts.scripts import divisible
from tests.money import EUR, Person, Scene, rows
from tests.people import new_email, new_phone
from whipround.domain import billing, relationships, throttles
from whipround.domain.billing import BillingProfile
from whipround.domain.crowd import resolving
from whipround.domain.crowd.gravatars import gravatar
from whipround.domain.crowd.resolving import NobodyToPay, People, Resolved, Somebody
from whipround.domain.payees import Address
from whipround.domain.scripts.recipients import Recipient
from whipround.domain.scripts.script import Participant, Parts, Percent, Script
from whipround.errors import Invalid
from whipround.money import LARGEST, Money

pytestmark = pytest.mark.anyio

NOBODY = Recipient("username", "nobody")
PROFILE = Recipient("profile", "https://github.com/octocat")


def username(person: Person) -> Recipient:
    return Recipient("username", person.user.username.lower())


def script(*recipients: Recipient) -> Script:
    return Script(tuple(Participant(each, role=str(at)) for at, each in enumerate(recipients)))


async def people_of(scene: Scene, *recipients: Recipient, payers: Sequence[Person] = ()) -> People:
    async with scene.db.transaction() as tx:
        payer_ids = [each.id for each in payers]
        return await resolving.look_up(
            tx, script(*recipients), payer_ids=payer_ids, is_invoiced=True
        )


async def paid_by(scene: Scene, payer: Person, *recipients: Recipient) -> Resolved:
    """A script that somebody whom everybody can pay takes part in, too."""
    other = Recipient("email", new_email())
    return (await people_of(scene, other, *recipients, payers=[payer])).paid_by(payer.id)


def left_out(resolved: Resolved) -> list[tuple[str, str]]:
    return [(who, reason) for who, reason in resolved.left_out]


async def prove(scene: Scene, person: Person, address: Address) -> None:
    await rows(
        scene.db,
        "insert into payee (id, kind, address, user_id, created_at, updated_at)"
        " values (%s, %s, %s, %s, %s, %s) returning 1",
        uuid7(),
        *address,
        person.id,
        scene.now,
        scene.now,
    )


async def test_users_by_name_and_anybody_by_address(scene: Scene, ann: Person, ben: Person) -> None:
    email, phone = new_email(), new_phone()
    wanted = [username(ben), Recipient("email", email), Recipient("phone", phone), PROFILE]

    resolved = (await people_of(scene, *wanted, payers=[ann])).paid_by(ann.id)

    assert resolved.who == [
        Somebody(ben.user.username.lower(), ben.id, None, ben.id, ben.user.username),
        Somebody(f"mailto:{email}", None, ("email", email)),
        Somebody(f"tel:{phone}", None, ("phone", phone)),
        Somebody(PROFILE.value, None, ("profile", PROFILE.value)),
    ]
    assert resolved.script == script(*wanted)
    assert resolved.left_out == ()
    assert resolving.explained(resolved.left_out) is None


async def test_whoever_has_proven_an_address(scene: Scene, ann: Person, ben: Person) -> None:
    email = new_email()
    await prove(scene, ben, ("email", email))

    resolved = (await people_of(scene, Recipient("email", email))).paid_by(ann.id)

    [who] = resolved.who
    assert (who.user_id, who.address) == (None, ("email", email))
    assert (who.owner_id, who.username) == (ben.id, ben.user.username)


async def test_a_picture_is_that_of_a_proven_email() -> None:
    somebody = Somebody("anna", uuid7(), None, uuid7(), "Anna")

    assert somebody.gravatar == gravatar("anna")
    assert somebody._replace(email="Me@Mail.com").gravatar == gravatar("mailto:me@mail.com")
    # The digest of its own documentation (https://docs.gravatar.com/rest/hash/).
    assert gravatar("mailto:MyEmailAddress@example.com") == "0bc83cb571cd1c50ba6f3e8a78ef1346"


async def test_one_person_twice_has_two_shares(scene: Scene, ann: Person, ben: Person) -> None:
    email = Recipient("email", new_email())
    await prove(scene, ben, ("email", email.value))
    said = Script((Participant(username(ben), share=Parts(2)), Participant(email)))

    async with scene.db.transaction() as tx:
        resolved = (await resolving.look_up(tx, said, is_invoiced=False)).paid_by(ann.id)

    shares = resolving.planned(resolved, EUR("3.00"))
    assert [share.amount for share in shares] == [2, 1]
    assert {each.owner_id for each in resolved.who} == {ben.id}


async def test_who_cannot_be_paid_is_left_out(scene: Scene, ann: Person, ben: Person) -> None:
    rejected, closed, email = await scene.person(), await scene.person(), new_email()
    await prove(scene, rejected, ("email", email))
    await rows(
        scene.db, "update users set status = 'rejected' where id = %s returning 1", rejected.id
    )
    await rows(
        scene.db,
        "update funding_source set allows_in = false where id = %s returning 1",
        closed.wallet_id,
    )
    async with scene.db.transaction() as tx:
        await relationships.block(tx, user_id=ben.id, other_user_id=ann.id, now=scene.now)

    resolved = await paid_by(
        scene,
        ann,
        NOBODY,
        username(rejected),
        Recipient("email", email),
        username(closed),
        username(ben),
        username(ann),
        Recipient("url", "https://example.org/page"),
        Recipient("bitcoin", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    )

    assert left_out(resolved) == [
        ("nobody", "unknown"),
        (rejected.user.username, "unknown"),
        (email, "unknown"),
        (closed.user.username, "unknown"),
        (ben.user.username, "blocked"),
        (ann.user.username, "oneself"),
        ("https://example.org/page", "unsupported"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "unsupported"),
    ]
    assert len(resolved.script.participants) == len(resolved.who) == 1
    said = resolving.explained(resolved.left_out)
    assert said is not None
    assert all(who in said for who, _ in resolved.left_out)


async def test_blocks_are_looked_at_either_way(scene: Scene, ann: Person, ben: Person) -> None:
    eve, phone = await scene.person(), new_phone()
    await prove(scene, eve, ("phone", phone))
    async with scene.db.transaction() as tx:
        await relationships.block(tx, user_id=ann.id, other_user_id=eve.id, now=scene.now)
    recipient = Recipient("phone", phone)

    people = await people_of(scene, recipient, username(ben), payers=[ann, ben])

    assert left_out(people.paid_by(ann.id)) == [(phone, "blocked")]
    assert left_out(people.paid_by(ben.id)) == [(ben.user.username, "oneself")]
    assert left_out(people.paid_by(None)) == []


async def test_by_invoice_only_complete_profiles_are_paid(
    scene: Scene, ann: Person, ben: Person
) -> None:
    eve, email = await scene.person(first_name="Eve", last_name="Doe"), new_email()
    profile = BillingProfile(address="Lane 1", zip="1234 AB", city="Utrecht", country="NL")
    async with scene.db.transaction() as tx:
        await billing.write(tx, user_id=eve.id, profile=profile, now=scene.now)
    wanted = [username(ben), username(eve), Recipient("email", email)]

    people = await people_of(scene, *wanted, payers=[ann])
    resolved = people.paid_by(ann.id, is_invoiced=True)

    assert [each.owner_id for each in resolved.who] == [eve.id]
    assert left_out(resolved) == [(ben.user.username, "incomplete"), (email, "incomplete")]
    assert len(people.paid_by(ann.id).who) == 3


async def test_nobody_is_left(scene: Scene, ann: Person) -> None:
    people = await people_of(scene, username(ann), NOBODY, payers=[ann])

    with pytest.raises(NobodyToPay) as error:
        people.paid_by(ann.id)

    assert str(error.value) == (
        "There is nobody who can be paid. Nobody here can be paid as nobody."
        f" You cannot pay yourself: {ann.user.username}."
    )


async def test_a_pledge_to_what_is_ones_own_so_far(scene: Scene, ann: Person, ben: Person) -> None:
    alone = await people_of(scene, username(ann), NOBODY, payers=[ann])
    together = await people_of(scene, username(ann), username(ben), payers=[ann])

    resolved = replace(alone, script=replace(alone.script, type="pledge")).paid_by(ann.id)
    others = replace(together, script=replace(together.script, type="pledge")).paid_by(ann.id)

    assert ([each.owner_id for each in resolved.who], left_out(resolved)) == (
        [ann.id],
        [("nobody", "unknown")],
    )
    assert [each.owner_id for each in others.who] == [ben.id]


def test_of_many_only_some_are_named() -> None:
    many = [resolving.LeftOut(f"n{at}", "unknown") for at in range(1000)]

    said = resolving.explained(many)

    assert said is not None
    assert "n19, …" in said
    assert "n20" not in said


async def test_those_who_are_written_to_are_counted(scene: Scene, ben: Person) -> None:
    proven = new_email()
    await prove(scene, ben, ("email", proven))
    recipients = [
        Recipient("email", proven),
        Recipient("email", new_email()),
        Recipient("phone", new_phone()),
        username(ben),
        PROFILE,
    ]
    shares = resolving.planned((await people_of(scene, *recipients)).paid_by(None), EUR("1.00"))

    async with scene.db.transaction() as tx:
        assert await resolving.count_written_to(tx, shares) == 1 + throttles.PHONE_WEIGHT
        assert await resolving.count_written_to(tx, shares[3:]) == 0


async def test_a_thousand_are_found_in_few_queries(scene: Scene, ann: Person) -> None:
    many = [Recipient("username", f"nobody{at}") for at in range(500)]
    many += [Recipient("email", new_email()) for _ in range(500)]

    resolved = (await people_of(scene, *many, payers=[ann])).paid_by(ann.id)

    assert (len(resolved.who), len(resolved.left_out)) == (500, 500)


# Whatever is left out, all of the money is divided among the others.

AMOUNTS = st.decimals(min_value="0.01", max_value=LARGEST, places=2).map(
    lambda it: Money(it, "EUR")
)


@given(divisible(), AMOUNTS, st.sets(st.integers(0, 15)))
def test_all_of_the_money_is_divided(said: Script, money: Money, gone: set[int]) -> None:
    found = {
        each.recipient: Somebody(each.recipient.value, uuid7(), None)
        for at, each in enumerate(said.participants)
        if at not in gone
    }

    try:
        resolved = People(said, found, (), ()).paid_by(None)
        shares = resolving.planned(resolved, money)
    except (NobodyToPay, Invalid):  # or of so little somebody would get nothing
        return

    assert len(shares) == len(found)
    assert sum(share.amount for share in shares) == money.amount
    assert sum(share.percentage for share in shares) == 100
    assert all(share.amount > 0 for share in shares)
    whole_left = any(isinstance(each.share, Parts) for each in resolved.script.participants)
    for share, each in zip(shares, resolved.script.participants, strict=True):
        if isinstance(each.share, Percent) and whole_left:
            assert abs(share.percentage - each.share.percent) <= Decimal("0.00000001")
