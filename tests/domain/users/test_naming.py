"""Names in one piece, and the usernames that are made of them."""

from itertools import islice

import pytest
from pydantic import TypeAdapter

from whipround.api.people_fields import Username
from whipround.domain.users import naming

_CHECK = TypeAdapter[str](Username)


@pytest.mark.parametrize(
    ("name", "first_name", "last_name"),
    [
        ("John Doe", "John", "Doe"),
        ("John", "John", ""),
        (" María  José\u00a0García Pérez ", "María", "José García Pérez"),
        ("李雷", "李雷", ""),
    ],
)
def test_first_word_is_the_first_name(name: str, first_name: str, last_name: str) -> None:
    assert naming.split(name) == (first_name, last_name)


@pytest.mark.parametrize(
    ("name", "stem", "plain"),
    [
        ("John Doe", "johndoe", True),
        ("José Ñúñez-O'Brien", "josenunezobrien", True),
        ("Jørgen Straße Łukasz", "jorgenstrasselukasz", True),
        ("Al", "al", False),
        ("李雷", "user", False),
        ("123 456", "user", False),
        ("٣٤٥ x", "x", False),
        ("R2 D2", "r2d2", True),
        ("X" * 100, "x" * 20, True),
    ],
)
def test_usernames_resemble_the_name(name: str, stem: str, *, plain: bool) -> None:
    made = list(islice(naming.usernames(name), 6))

    assert (made[0] == stem) is plain
    assert all(each.startswith(stem) for each in made)
    assert all(each.removeprefix(stem).isdigit() for each in made[1:])
    assert len(set(made)) == len(made)
    for each in made:
        _CHECK.validate_python(each)
