"""Makes the renditions of a picture, with Pillow.

JPEG, PNG and WebP come in. What goes out has nothing of the file but what is seen: a JPEG that is
upright, in sRGB, and white where the picture was transparent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from typing import Literal, NamedTuple, TypeAlias

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

MAX_BYTES = 10 * 1024 * 1024
"""The most that a picture may have, as a file."""

MAX_PIXELS = 50_000_000
"""A file of a few bytes can say that it is huge: it is looked at before anything is decoded."""

MAX_WEBP_PIXELS = 25_000_000
"""The same for a WebP, each of whose pixels takes twice the memory until it is decoded."""

UI_SIDE, FULL_SIDE, THUMBNAIL_SIDE = 640, 2048, 160
"""The most pixels on either side of each rendition; nothing is enlarged."""

_JPEG_QUALITY = 85

_FORMATS = ("JPEG", "PNG", "WEBP")

_ORIENTATION = 0x0112
_LYING = frozenset({5, 6, 7, 8})
"""The orientations by which width and height change places."""

_SRGB = ImageCms.createProfile("sRGB")

# We look at the size ourselves, and refuse what Pillow would only warn of.
Image.MAX_IMAGE_PIXELS = None


Box: TypeAlias = tuple[int, int, int, int]
"""From left, upper to right, lower: as Pillow has it."""


class Crop(NamedTuple):
    """What is shown of a picture that is upright, in pixels from its upper left corner.

    In the order of Memento's `crop`: from left to right, and then from top to bottom.
    """

    x0: int
    x1: int
    y0: int
    y1: int


class Renditions(NamedTuple):
    """JPEG files: cropped for a page, whole for a screen, cropped and small."""

    ui: bytes
    full: bytes
    thumbnail: bytes


class BadPicture(Exception):
    """There is nothing to be made of it; the text follows "The picture …"."""

    def __init__(self, code: Literal["invalid", "unsupported", "too_large"], why: str) -> None:
        self.code = code
        super().__init__(why)


class BadCrop(Exception):
    """The crop is not within the picture."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        super().__init__(f"the picture has {width} × {height} pixels")


def render(content: bytes, *, crop: Crop | None) -> Renditions:
    """The renditions of a picture; without a crop the largest square in its middle is shown.

    May take a second of a processor. Raises BadPicture, BadCrop.
    """
    with _opened(content) as picture:
        width, height = _upright_size(picture)
        crop = crop or _middle(width, height)
        if not (0 <= crop.x0 < crop.x1 <= width and 0 <= crop.y0 < crop.y1 <= height):
            raise BadCrop(width, height)
        upright = _decoded(picture, _needed(width, height, crop))
        box = _scaled(crop, upright.width / width, upright.height / height)
        shown = _flat(_smaller(upright, UI_SIDE, box))
        whole = _flat(_smaller(upright, FULL_SIDE, (0, 0, *upright.size)))
        return Renditions(
            ui=jpeg(shown, UI_SIDE),
            full=jpeg(whole, FULL_SIDE),
            thumbnail=jpeg(shown, THUMBNAIL_SIDE),
        )


def jpeg(picture: Image.Image, side: int) -> bytes:
    """A JPEG of an RGB picture, made smaller where it has more than so many pixels on a side."""
    smaller = picture.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = BytesIO()
    smaller.save(file, "JPEG", quality=_JPEG_QUALITY, optimize=True, progressive=True)
    return file.getvalue()


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """The picture in a file, of which only the head has been read. Raises BadPicture."""
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as picture:
            _check_size(picture)
            yield picture
    except (BadPicture, BadCrop):
        raise
    except UnidentifiedImageError as error:
        raise BadPicture("unsupported", "must be a JPEG, a PNG or a WebP") from error
    except Exception as error:
        # A decoder that is given nonsense fails in whatever way it likes.
        raise BadPicture("invalid", "cannot be read") from error


def _check_size(picture: Image.Image) -> None:
    most = MAX_WEBP_PIXELS if picture.format == "WEBP" else MAX_PIXELS
    if picture.width * picture.height > most:
        raise BadPicture("too_large", f"must have at most {most // 1_000_000} million pixels")


def _upright_size(picture: Image.Image) -> tuple[int, int]:
    """The width and the height once it is turned as its EXIF says."""
    if picture.getexif().get(_ORIENTATION) in _LYING:
        return picture.height, picture.width
    return picture.size


def _middle(width: int, height: int) -> Crop:
    side = min(width, height)
    x0, y0 = (width - side) // 2, (height - side) // 2
    return Crop(x0, x0 + side, y0, y0 + side)


def _needed(width: int, height: int, crop: Crop) -> float:
    """What part of the width and height is enough for all renditions."""
    shown = max(crop.x1 - crop.x0, crop.y1 - crop.y0)
    return min(1.0, max(FULL_SIDE / max(width, height), UI_SIDE / shown))


def _decoded(picture: Image.Image, part: float) -> Image.Image:
    """The picture upright, of which at least a part of the width and height was needed."""
    # Of a JPEG no more is decoded than that.
    picture.draft(None, (ceil(picture.width * part), ceil(picture.height * part)))
    if picture.mode in {"1", "P"}:  # whose pixels cannot be mixed
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    elif picture.mode.startswith("I;16"):  # of 16 bits of grey, the upper ones
        picture = picture.point(lambda value: value / 256).convert("L")
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def _scaled(crop: Crop, x: float, y: float) -> Box:
    """The crop in a picture that was decoded smaller: at least a pixel of it."""
    left, upper = int(crop.x0 * x), int(crop.y0 * y)
    right, lower = round(crop.x1 * x), round(crop.y1 * y)
    return left, upper, max(right, left + 1), max(lower, upper + 1)


def _smaller(picture: Image.Image, side: int, box: Box) -> Image.Image:
    """What is in the box, with no more pixels on a side than that."""
    width, height = box[2] - box[0], box[3] - box[1]
    part = min(1.0, side / max(width, height))
    size = (max(1, round(width * part)), max(1, round(height * part)))
    return picture.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=2.0)


def _flat(picture: Image.Image) -> Image.Image:
    """The picture in RGB, with nothing beside its pixels."""
    if picture.has_transparency_data:
        see_through = picture.convert("RGBA")
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(see_through, mask=see_through.getchannel("A"))
    else:
        flat = _in_srgb(picture).convert("RGB")
    flat.info = {}
    return flat


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The same colours without the profile that says which they are; as they are if it is bad."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode != "RGB":
        return picture
    try:
        meant = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.profileToProfile(picture, meant, _SRGB) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
