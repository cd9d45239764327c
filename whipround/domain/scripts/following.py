"""From a page to where its script is: not for ever, and never in a circle."""

from collections.abc import Sequence

from whipround.domain.scripts.addresses import normalised
from whipround.errors import Invalid

MOST_STEPS = 5
"""A page, the script it links to, and not many more."""


def onward(trail: Sequence[str], address: str, *, place: str = "data") -> tuple[str, ...]:
    """The trail of addresses, in their normal form, with one more at its end.

    `place` is what led to them. Raises Invalid for what is no address, for one that the trail has
    been at already, and after MOST_STEPS.
    """
    there = normalised(address)
    if there is None:
        raise Invalid.field(place, "invalid", "The address of a payment script is not valid")
    # A place in a page is of the page.
    page = there.partition("#")[0]
    if any(page == been.partition("#")[0] for been in trail):
        raise Invalid.field(place, "invalid", "The payment script leads back to itself")
    if len(trail) >= MOST_STEPS:
        raise Invalid.field(place, "invalid", "The payment script leads on without end")
    return (*trail, there)
