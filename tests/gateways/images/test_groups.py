"""Group pictures."""

import pytest

from tests.pictures import BLUE, GREEN, RED, alike, colour_at, new_picture, opened
from whipround.gateways.images.groups import Portrait, draw

WHITE = (255, 255, 255)
PICTURES = [new_picture((60, 90), colour, file="JPEG") for colour in (RED, GREEN, BLUE)]


def portraits(count: int) -> list[Portrait]:
    return [Portrait(file, "", 0) for file in [*PICTURES, PICTURES[0]][:count]]


@pytest.mark.parametrize(
    ("count", "corners"),
    [
        (1, [RED, RED, RED, RED]),
        (2, [RED, RED, GREEN, GREEN]),
        (3, [RED, RED, GREEN, BLUE]),
        (4, [RED, BLUE, GREEN, RED]),
    ],
)
def test_faces_beside_each_other(count: int, corners: list[tuple[int, ...]]) -> None:
    made = draw(portraits(count))

    assert [opened(each).size for each in made] == [(640, 640), (1024, 1024), (160, 160)]
    for each in made:
        picture = opened(each)
        places = [(x, y) for x in (0.1, 0.9) for y in (0.1, 0.9)]
        found = [colour_at(picture, *place) for place in places]
        assert all(alike(one, other) for one, other in zip(found, corners, strict=True))


def test_initials_on_a_colour() -> None:
    lettered, other, nobody = (
        opened(draw([Portrait(None, initials, colour)]).ui)
        for initials, colour in (("AB", 3), ("AB", 4), ("", 255))
    )

    assert alike(colour_at(lettered, 0.05, 0.05), (0x45, 0x27, 0xA0))
    assert not alike(colour_at(lettered, 0.05, 0.05), colour_at(other, 0.05, 0.05))
    # There is something white in the middle of each.
    for picture in (lettered, nobody):
        middle = [colour_at(picture, x / 50, 0.5) for x in range(10, 40)]
        assert any(alike(colour, WHITE) for colour in middle)
    assert alike(colour_at(nobody, 0.5, 0.35), WHITE)
