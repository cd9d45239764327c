"""Pictures, as Memento shows them (Memento, The image object)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Shape
from whipround.api.shapes import doc
from whipround.domain.images import reading
from whipround.domain.images.gallery import Face, Gallery


class Image(Shape):
    """A picture. Its addresses need no credential: whoever knows one may look."""

    id: ID
    url: Annotated[str, doc("The address of the picture as cropped, for use in a page.")]
    cropped_url: Annotated[str, doc("The same as `url`, under the name of another revision.")]
    full_screen_url: Annotated[str, doc("The address of the whole picture, for a full screen.")]
    thumbnail_url: Annotated[str, doc("The address of a small version of the cropped picture.")]
    description: Annotated[str, doc("What its owner says of it.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


def image(found: reading.Image, gallery: Gallery) -> Image:
    """A picture of something."""
    name = gallery.name(found.id)
    url = gallery.url(name, "ui")
    return Image(
        id=found.id,
        url=url,
        cropped_url=url,
        full_screen_url=gallery.url(name, "full"),
        thumbnail_url=gallery.url(name, "thumbnail"),
        description=found.description,
        meta=found.meta,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def first(found: Sequence[reading.Image], gallery: Gallery) -> Image | None:
    """The picture to be shown of something, if there is any."""
    return image(found[0], gallery) if found else None


def group(faces: Sequence[Face], gallery: Gallery, *, at: datetime) -> Image:
    """The group picture of up to four people; `at` is when what they have to do with was made.

    It is made when it is first looked at, and is no image that can be asked for by its id.
    """
    made = gallery.group(faces)
    url = gallery.url(made.name, "ui")
    return Image(
        id=made.id,
        url=url,
        cropped_url=url,
        full_screen_url=gallery.url(made.name, "full"),
        thumbnail_url=gallery.url(made.name, "thumbnail"),
        description="",
        meta="",
        created_at=at,
        updated_at=at,
    )
