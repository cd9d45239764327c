"""What is said later counts, and nobody who takes part is lost on the way."""

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.scripts.scripts import NAMES, PARTS, found_wrong, made, one, user
from whipround.domain.scripts.cascading import cascade
from whipround.domain.scripts.checking import check_whole
from whipround.domain.scripts.script import Participant, Parts, Percent, Script
from whipround.errors import Invalid


def of(*participants: tuple[str, str, int | str]) -> Script:
    """A script of people by name, role and share."""
    return Script(tuple(Participant(user(name), role, one(it)) for name, role, it in participants))


def told(script: Script) -> list[tuple[str, str, str]]:
    return [
        (
            each.recipient.value,
            each.role,
            str(each.share.count if isinstance(each.share, Parts) else f"{each.share.percent}%"),
        )
        for each in script.participants
    ]


def refused(script: Script) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as error:
        check_whole(script)
    return found_wrong(error.value)


def test_later_fields_count_over_earlier_ones() -> None:
    domain = Script(title="Site", language="EN", type="pledge", keywords=("a",), message="Thanks")
    section = Script(title="Section")
    page = replace(made(1), title="Page", type="payment", keywords=("b",))

    merged = cascade(domain=[domain, section], page=page)

    assert merged == replace(page, language="EN", message="Thanks")
    assert cascade(domain=[domain, section], page=made(1)).title == "Section"


def test_what_a_page_says_elsewhere_fills_what_is_missing() -> None:
    elsewhere = Script(
        participants=made(5).participants,
        title="From its head",
        image="https://host.org/picture.png",
        url="https://host.org/canonical",
    )

    merged = cascade(page=replace(made(1), title="From its script"), elsewhere=elsewhere)

    assert merged.title == "From its script"
    assert merged.image == "https://host.org/picture.png"
    assert merged.url == "https://host.org/canonical"
    assert merged.participants == made(1).participants


def test_participants_are_added() -> None:
    domain = [of(("owner", "Host", "1%")), of(("editor", "Editor", 1))]
    page = of(("ann", "Author", 3), ("owner", "Author", 1))

    assert told(cascade(domain=domain, page=page)) == [
        ("owner", "Host", "1%"),
        ("editor", "Editor", "1"),
        ("ann", "Author", "3"),
        ("owner", "Author", "1"),
    ]
    assert cascade(domain=domain).participants[1].recipient == user("editor")


def test_of_who_is_there_already_the_later_share_counts() -> None:
    domain = [of(("editor", "Editor", 1)), of(("editor", "editor", "10%"))]
    noted = Participant(user("ann"), "Author", Parts(1), "Since 2014")

    assert told(cascade(domain=domain, page=of(("ann", "", 1))))[0] == ("editor", "Editor", "10%")
    again = cascade(domain=[Script((noted,))], page=of(("ann", "Author", 3)))
    assert again.participants == (replace(noted, share=Parts(3)),)
    commented = Script((replace(noted, comment="Now"),))
    assert cascade(domain=[Script((noted,))], page=commented).participants[0].comment == "Now"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [("5%", "10%"), (1, "10%"), (10**9, "10%"), ("10.0%", "10.0%"), ("11%", "11%")],
)
def test_a_page_cannot_lower_a_percentage_of_its_domain(asked: int | str, kept: str) -> None:
    domain = of(("owner", "Host", "10%"))
    page = of(("owner", "host", asked), ("ann", "", 1))

    assert told(cascade(domain=[domain], page=page))[0] == ("owner", "Host", kept)


def test_a_domain_can_say_another_percentage_for_some_of_its_pages() -> None:
    domain = [of(("owner", "Host", "10%")), of(("owner", "Host", "5%"))]

    merged = cascade(domain=domain, page=of(("owner", "Host", 1), ("ann", "", 1)))

    assert told(merged)[0] == ("owner", "Host", "5%")


def test_the_page_cannot_crowd_out_its_domain() -> None:
    with pytest.raises(Invalid) as error:
        cascade(domain=[of(("owner", "Host", "10%"))], page=of(("ann", "", "95%")))

    assert found_wrong(error.value) == [("participants", "too_large")]


@given(
    st.lists(
        st.lists(
            st.tuples(
                NAMES, st.sampled_from(["", "A"]), PARTS | st.sampled_from(["0.5%", "1%", "1.5%"])
            ),
            max_size=5,
            unique_by=lambda each: each[:2],
        ).map(lambda people: of(*people)),
        max_size=5,
    )
)
def test_nobody_is_ever_removed(scripts: list[Script]) -> None:
    domain, page = scripts, made(1)

    merged = {each.key: each.share for each in cascade(domain=domain, page=page).participants}

    assert merged.keys() == {each.key for it in (*domain, page) for each in it.participants}
    given = cascade(domain=[*domain, made(1)]).participants
    for each in given:
        if isinstance(each.share, Percent):
            kept = merged[each.key]
            assert isinstance(kept, Percent)
            assert kept.percent >= each.share.percent


def test_nothing_comes_to_nothing() -> None:
    with pytest.raises(Invalid) as error:
        cascade(elsewhere=replace(made(1), title="A page"))

    assert found_wrong(error.value) == [("participants", "required")]


# As a whole.


@pytest.mark.parametrize(
    "script",
    [made(1), made("100%"), made("99.99999999%", 1), made("50%", "50%"), made(*[1] * 1000)],
)
def test_what_a_payment_can_be_divided_by(script: Script) -> None:
    check_whole(script)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script(), "required"),
        (Script(type="pledge"), "required"),
        (made(*[1] * 1001), "too_long"),
        (made("60%", "40.00000001%"), "too_large"),
        (made("60%", "50%", 1), "too_large"),
        (made("60%", "40%", 1), "invalid"),
        (made("60%", "39%"), "too_small"),
    ],
)
def test_what_it_cannot(script: Script, code: str) -> None:
    assert refused(script) == [("participants", code)]


def test_too_many_from_very_many_scripts_are_soon_refused() -> None:
    scripts = [of(*((f"u{each}", str(role), 1) for each in range(10))) for role in range(500)]
    began = process_time()

    with pytest.raises(Invalid) as error:
        cascade(domain=scripts)
    assert found_wrong(error.value) == [("participants", "too_long")]
    assert process_time() - began < 1


def test_the_message_says_what_they_come_to() -> None:
    with pytest.raises(Invalid) as error:
        check_whole(made("60%", "60.5%"))

    [wrong] = error.value.errors
    assert wrong.message == "participants have shares of 120.5% in all: more than 100%"
