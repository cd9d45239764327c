"""What is made of a picture, and of what is none."""

import asyncio
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from tests.pictures import BLUE, GREEN, RED, alike, colour_at, halves, new_picture, opened, saved
from whipround.gateways.images import darkroom, renditions
from whipround.gateways.images.darkroom import Darkroom, DarkroomBusy
from whipround.gateways.images.renditions import (
    MAX_PIXELS,
    BadCrop,
    BadPicture,
    Crop,
    Renditions,
    render,
)

WHITE = (255, 255, 255)


def sizes(made: Renditions) -> tuple[tuple[int, int], ...]:
    return tuple(opened(file).size for file in made)


@pytest.mark.parametrize("file", ["JPEG", "PNG", "WEBP"])
def test_a_large_picture(file: str) -> None:
    made = render(new_picture((3000, 1500), GREEN, file=file), crop=None)

    # The largest square in the middle; the whole; the square, small.
    assert sizes(made) == ((640, 640), (2048, 1024), (160, 160))
    assert all(alike(colour_at(opened(each), 0.5, 0.5), GREEN) for each in made)


def test_nothing_is_enlarged() -> None:
    assert sizes(render(new_picture((80, 60)), crop=None)) == ((60, 60), (80, 60), (60, 60))
    assert sizes(render(new_picture((1, 1)), crop=None)) == ((1, 1), (1, 1), (1, 1))
    assert sizes(render(new_picture((1, 400)), crop=None)) == ((1, 1), (1, 400), (1, 1))


def test_cropped_from_left_to_right_then_from_top_to_bottom() -> None:
    made = render(saved(halves((800, 300))), crop=Crop(500, 800, 100, 200))

    assert sizes(made) == ((300, 100), (800, 300), (160, 53))
    assert alike(colour_at(opened(made.ui), 0.02, 0.5), BLUE)
    assert alike(colour_at(opened(made.full), 0.02, 0.5), RED)


def test_a_crop_of_a_jpeg_that_is_decoded_smaller() -> None:
    picture = saved(halves((6000, 3000)), "JPEG")

    made = render(picture, crop=Crop(2000, 4000, 0, 2000))
    small = render(picture, crop=Crop(2999, 3001, 0, 2))

    assert sizes(made) == ((640, 640), (2048, 1024), (160, 160))
    assert alike(colour_at(opened(made.ui), 0.45, 0.5), RED)
    assert alike(colour_at(opened(made.ui), 0.55, 0.5), BLUE)
    assert sizes(small)[0] == (2, 2)


@pytest.mark.parametrize(
    "crop",
    [
        Crop(0, 81, 0, 60),
        Crop(0, 80, 0, 61),
        Crop(-1, 80, 0, 60),
        Crop(0, 80, -1, 60),
        Crop(10, 10, 0, 60),
        Crop(10, 5, 0, 60),
        Crop(0, 80, 60, 60),
    ],
    ids=range(7),
)
def test_a_crop_beyond_the_picture(crop: Crop) -> None:
    with pytest.raises(BadCrop) as refused:
        render(new_picture((80, 60)), crop=crop)

    assert (refused.value.width, refused.value.height) == (80, 60)


@pytest.mark.parametrize(
    ("orientation", "size", "left"),
    [(1, (80, 60), RED), (3, (80, 60), BLUE), (6, (60, 80), None), (8, (60, 80), None)],
)
def test_upright(orientation: int, size: tuple[int, int], left: tuple[int, ...] | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    made = render(saved(halves((80, 60)), "JPEG", exif=exif), crop=Crop(0, size[0], 0, size[1]))

    assert opened(made.full).size == opened(made.ui).size == size
    if left is not None:
        assert alike(colour_at(opened(made.ui), 0.1, 0.5), left)
    else:
        top = RED if orientation == 6 else BLUE
        assert alike(colour_at(opened(made.ui), 0.5, 0.1), top)


def test_nothing_is_left_of_what_is_not_seen() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Make"
    exif.get_ifd(0x8825)[1] = "N"
    picture = saved(
        halves(),
        "JPEG",
        exif=exif,
        comment=b"secret comment",
        xmp=b"<secret-xmp/>",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        dpi=(72, 72),
    )

    for file in render(picture, crop=None):
        assert not opened(file).getexif()
        assert {"exif", "comment", "xmp", "icc_profile"}.isdisjoint(opened(file).info)
        assert b"ecret" not in file


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
@pytest.mark.parametrize("file", ["PNG", "WEBP"])
def test_what_is_transparent_is_white(mode: str, file: str) -> None:
    if (mode, file) == ("PA", "PNG"):
        picture = Image.new("P", (20, 20), 0)
        content = saved(picture, "PNG", transparency=0)
    else:
        content = saved(Image.new("RGBA", (20, 20), (0, 0, 0, 0)).convert(mode), file)

    assert alike(colour_at(opened(render(content, crop=None).ui), 0.5, 0.5), WHITE)


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "CMYK", "YCbCr"])
def test_in_whatever_way_colours_are_written(mode: str) -> None:
    file = "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
    picture = Image.new("I;16", (20, 20), 65_535) if mode == "I;16" else None
    picture = picture or Image.new("RGB", (20, 20), WHITE).convert(mode)

    made = render(saved(picture, file), crop=None)

    assert opened(made.ui).mode == "RGB"
    assert alike(colour_at(opened(made.ui), 0.5, 0.5), WHITE)


def test_a_bad_profile_does_no_harm() -> None:
    made = render(new_picture(colour=GREEN, icc_profile=b"nonsense" * 20), crop=None)

    assert alike(colour_at(opened(made.ui), 0.5, 0.5), GREEN)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png_of(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG that says it is so large, whatever is in it."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unsupported"),
        (b"nonsense", "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (new_picture(file="GIF"), "unsupported"),
        (new_picture(file="BMP"), "unsupported"),
        (new_picture(file="TIFF"), "unsupported"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported"),
        (new_picture((80, 60))[:-30], "invalid"),
        (new_picture((800, 600), file="JPEG")[:-900], "invalid"),
        (new_picture(file="WEBP")[:-20], "invalid"),
        (png_of(50, 50, b"x"), "invalid"),
        (png_of(100_000, 100_000), "too_large"),
        (png_of(MAX_PIXELS, 2), "too_large"),
        (png_of(2**31 - 1, 2**31 - 1), "too_large"),
    ],
    ids=range(14),
)
def test_what_is_no_picture(content: bytes, code: str) -> None:
    with pytest.raises(BadPicture) as refused:
        render(content, crop=None)

    assert refused.value.code == code


def test_a_webp_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renditions, "MAX_WEBP_PIXELS", 80 * 60 - 1)

    assert render(new_picture((80, 60)), crop=None)
    with pytest.raises(BadPicture, match="at most") as refused:
        render(new_picture((80, 60), file="WEBP"), crop=None)
    assert refused.value.code == "too_large"


@pytest.mark.anyio
async def test_a_few_at_once_and_a_few_more_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(darkroom, "MOST_WAITING", 1)
    room = Darkroom()

    outcomes = await asyncio.gather(
        *(room.render(new_picture()) for _ in range(5)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [Renditions] * 3 + [DarkroomBusy] * 2
    assert await room.render(new_picture()) == outcomes[0]
