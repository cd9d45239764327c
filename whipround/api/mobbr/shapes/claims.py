"""What a claim comes to, as Mobbr shows it."""

from typing import Annotated

from whipround.api.mobbr.shapes_base import Shape
from whipround.api.shapes import doc


class Claimed(Shape):
    """What a claim has come to."""

    claimed: Annotated[int, doc("How many payments were made.")]
    left: Annotated[
        int, doc("How many pledges wait on, as nobody can be paid by the script as it is now.")
    ]
