"""Makers of picture files."""

from io import BytesIO
from typing import Any

from PIL import Image

RED, GREEN, BLUE = (220, 20, 20), (20, 160, 20), (20, 20, 220)

Colour = tuple[int, ...]


def new_picture(
    size: tuple[int, int] = (80, 60), colour: Colour = RED, *, file: str = "PNG", **given: Any
) -> bytes:
    """A picture of one colour."""
    return saved(Image.new("RGB", size, colour), file, **given)


def halves(
    size: tuple[int, int] = (80, 60), left: Colour = RED, right: Colour = BLUE
) -> Image.Image:
    """A picture whose left half has another colour than its right one."""
    picture = Image.new("RGB", size, left)
    picture.paste(right, (size[0] // 2, 0, *size))
    return picture


def saved(picture: Image.Image, file: str = "PNG", **given: Any) -> bytes:
    """The picture as a file."""
    kept = BytesIO()
    picture.save(kept, file, **given)
    return kept.getvalue()


def opened(content: bytes) -> Image.Image:
    """The picture in a JPEG file."""
    picture = Image.open(BytesIO(content), formats=["JPEG"])
    picture.load()
    return picture


def colour_at(picture: Image.Image, x: float, y: float) -> Colour:
    """The colour at a place, from (0, 0) to (1, 1), as good as JPEG keeps it."""
    place = (min(int(picture.width * x), picture.width - 1), int(picture.height * y))
    found = picture.getpixel(place)
    assert isinstance(found, tuple)
    return found


def alike(one: Colour, other: Colour) -> bool:
    """Whether two colours are the same, but for what JPEG makes of them."""
    return all(abs(a - b) < 30 for a, b in zip(one, other, strict=True))
