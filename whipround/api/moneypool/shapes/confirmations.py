"""What is answered to who follows a link that proves an address."""

from typing import Annotated

from whipround.api.moneypool.shapes_base import Shape
from whipround.api.shapes import doc
from whipround.domain.users.person import User


class ConfirmedUser(Shape):
    """Whose address has been proven."""

    id: Annotated[int, doc("The id of the user.")]
    name: Annotated[str, doc("The name of the user.")]
    email: Annotated[str, doc("The address, which is the user's from now on.")]


class Confirmed(Shape):
    """The answer to a link that was followed."""

    user: Annotated[ConfirmedUser, doc("The user.")]


def confirmed(user: User) -> Confirmed:
    """A user who has just proven their address."""
    return Confirmed(ConfirmedUser(id=user.number, name=user.full_name, email=user.email or ""))
