"""Draws the picture of a group: up to four faces beside each other."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

from whipround.gateways.images.renditions import (
    FULL_SIDE,
    THUMBNAIL_SIDE,
    UI_SIDE,
    Renditions,
    jpeg,
)

_SIDE = FULL_SIDE // 2
_GAP = 8

# Dark enough for white letters.
_COLOURS = (
    "#00695c",
    "#1565c0",
    "#283593",
    "#4527a0",
    "#4e342e",
    "#558b2f",
    "#6a1b9a",
    "#827717",
    "#ad1457",
    "#b71c1c",
    "#bf360c",
    "#37474f",
)


class Portrait(NamedTuple):
    """A face: the JPEG file of a picture, else initials (perhaps none) on a colour's number."""

    file: bytes | None
    initials: str
    colour: int


class _Box(NamedTuple):
    left: int
    upper: int
    width: int
    height: int


def draw(portraits: Sequence[Portrait]) -> Renditions:
    """A group picture of one to four; one that cannot be read any more is left to its colour."""
    sheet = Image.new("RGB", (_SIDE, _SIDE), "white")
    for portrait, box in zip(portraits, _boxes(len(portraits)), strict=True):
        sheet.paste(_face(portrait, (box.width, box.height)), (box.left, box.upper))
    return Renditions(
        ui=jpeg(sheet, UI_SIDE),
        full=jpeg(sheet, FULL_SIDE),
        thumbnail=jpeg(sheet, THUMBNAIL_SIDE),
    )


def _boxes(count: int) -> list[_Box]:
    """Where each of so many faces is: alone, in halves, in a half and two quarters, in quarters."""
    near, far = (_SIDE - _GAP) // 2, (_SIDE + _GAP) // 2
    left, right = _Box(0, 0, near, _SIDE), _Box(far, 0, near, _SIDE)
    quarters = [_Box(x, y, near, near) for y in (0, far) for x in (0, far)]
    boxes = {
        1: [_Box(0, 0, _SIDE, _SIDE)],
        2: [left, right],
        3: [left, quarters[1], quarters[3]],
        4: quarters,
    }
    return boxes[count]


def _face(portrait: Portrait, size: tuple[int, int]) -> Image.Image:
    if portrait.file is not None:
        with Image.open(BytesIO(portrait.file), formats=["JPEG"]) as picture:
            return ImageOps.fit(picture.convert("RGB"), size)
    face = Image.new("RGB", size, _COLOURS[portrait.colour % len(_COLOURS)])
    pencil = ImageDraw.Draw(face)
    if portrait.initials:
        font = ImageFont.load_default(min(size) * 0.4)
        middle = (size[0] / 2, size[1] / 2)
        pencil.text(middle, portrait.initials, fill="white", font=font, anchor="mm")
    else:
        _draw_nobody(pencil, size)
    return face


def _draw_nobody(pencil: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    """A head and shoulders."""
    x, y, unit = size[0] / 2, size[1] / 2, min(size) / 10
    pencil.circle((x, y - 1.5 * unit), 1.8 * unit, fill="white")
    pencil.pieslice(
        (x - 3.2 * unit, y + 0.8 * unit, x + 3.2 * unit, y + 7.2 * unit), 180, 360, fill="white"
    )
