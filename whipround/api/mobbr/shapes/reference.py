"""Where people can be known by an id, as it is answered."""

from typing import Annotated

from whipround.api.mobbr.shapes_base import Shape
from whipround.api.shapes import doc


class IdProvider(Shape):
    """A kind of ids that people can be paid by."""

    provider: Annotated[str, doc("The word that stands for it.")]
    title: Annotated[str, doc("What it is called.")]
    id: Annotated[str, doc("What an id of it looks like; what is in braces is somebody's own.")]
