"""Following a script from page to page comes to an end."""

import pytest

from tests.domain.scripts.scripts import found_wrong
from whipround.domain.scripts.following import MOST_STEPS, onward
from whipround.errors import Invalid


def test_a_trail_grows() -> None:
    trail = onward((), "HTTPS://host.org/a#part")

    assert onward(trail, "https://host.org/a?b") == ("https://host.org/a", "https://host.org/a?b")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://HOST.org/%61", "The payment script leads back to itself"),
        ("https://host.org/a#/person/ann", "The payment script leads back to itself"),
        ("ftp://host.org/", "The address of a payment script is not valid"),
    ],
)
def test_where_it_does_not_go(address: str, message: str) -> None:
    with pytest.raises(Invalid) as error:
        onward(("https://host.org/a", "https://host.org/b"), address)

    assert found_wrong(error.value) == [("data", "invalid")]
    assert error.value.errors[0].message == message


def test_it_does_not_go_on_without_end() -> None:
    trail: tuple[str, ...] = ()
    for step in range(MOST_STEPS):
        trail = onward(trail, f"https://host.org/{step}")

    with pytest.raises(Invalid, match="leads on without end"):
        onward(trail, "https://host.org/more")
