"""The names of pictures: nobody guesses one, and that of a group says who is in it."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from tests.studio import PUBLIC_URL
from whipround.domain.images.gallery import Drawn, Face, Gallery
from whipround.keyring import KEY_BYTES, Keyring

ID = UUID("0198a7f2-0000-7000-8000-000000000001")


@pytest.fixture
def gallery(keyring: Keyring) -> Gallery:
    return Gallery(PUBLIC_URL + "/", keyring)


def test_a_name_is_made_of_an_id_and_the_key(gallery: Gallery) -> None:
    name = gallery.name(ID)

    assert re.fullmatch("[0-9a-f]{32}", name)
    assert ID.hex not in name
    assert gallery.name(ID) == name
    assert gallery.name(uuid7()) != name
    assert Gallery(PUBLIC_URL, Keyring(bytes(KEY_BYTES))).name(ID) != name
    assert gallery.url(name, "ui") == f"https://pictures.test/images/{name}/ui.jpg"


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Ann Dough", "AD"),
        ("ann", "A"),
        ("Ann van der Dough", "AD"),
        ("Áslaug Þórsdóttir", ""),
        ("Áslaug Örn", "AO"),
        ("42 Ann (1)", "A"),
        ("Анна", ""),
        ("", ""),
        ("  ", ""),
        ("+44 7911 123456", ""),
    ],
)
def test_initials(gallery: Gallery, name: str, initials: str) -> None:
    [face] = gallery.faces(gallery.group([Face(name)]).name) or []

    assert (face.image_id, face.initials) == (None, initials)


faces = st.lists(st.builds(Face, st.text(max_size=20), st.none() | st.uuids()), max_size=6)


@given(faces)
def test_a_groups_name_says_who_is_in_it(some: list[Face]) -> None:
    gallery = Gallery(PUBLIC_URL, Keyring(bytes(KEY_BYTES)))

    group = gallery.group(some)

    found = gallery.faces(group.name)
    assert found is not None
    assert [each.image_id for each in found] == [each.image_id for each in some[:4]]
    assert re.fullmatch("groups/[0-9A-Za-z_-]{22,200}", group.name)
    assert gallery.group(some) == group


def test_another_group_has_another_name(gallery: Gallery) -> None:
    ann, ben = Face("Ann", ID), Face("Ben")

    groups = [gallery.group(some) for some in ([ann, ben], [ben, ann], [ann], [Face("Ann"), ben])]

    assert len({group.id for group in groups}) == len({group.name for group in groups}) == 4
    # Who are called alike have one colour.
    assert gallery.faces(groups[1].name) == [*(gallery.faces(groups[0].name) or [])[::-1]]
    assert gallery.faces(groups[2].name) == [Drawn(ID, "", 0)]


def test_a_name_that_nobody_was_given(gallery: Gallery) -> None:
    name = gallery.group([Face("Ann", ID)]).name
    other = Gallery(PUBLIC_URL, Keyring(bytes(KEY_BYTES)))

    assert other.faces(name) is None
    for wrong in (
        name[:-1],
        name[:-1] + ("A" if name[-1] != "A" else "B"),
        name + "A",
        name + "=",
        name.replace("/", "/."),
        name.replace("groups/", ""),
        "groups/",
        "groups/é",
        "",
    ):
        assert gallery.faces(wrong) is None
