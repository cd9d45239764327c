"""The user who is calling, as several routes of Mobbr answer with them."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from whipround.api.context import Call
from whipround.api.mobbr.call import people_of
from whipround.api.mobbr.shapes import users as shapes
from whipround.db.database import Tx
from whipround.domain.users import profile
from whipround.domain.users.profile import Profile


async def oneself(
    tx: Tx, call: Call, user_id: UUID, *, token: str | UnsetType = UNSET
) -> shapes.User:
    """The user as they are now, perhaps with the token that they have just logged in to get."""
    return shape_of(call, await profile.read(tx, user_id=user_id), token=token)


def shape_of(call: Call, found: Profile, *, token: str | UnsetType = UNSET) -> shapes.User:
    """The same, of a profile that was read."""
    return shapes.user(
        found,
        people=people_of(call),
        currency=call.product.currencies[0],
        gallery=call.gallery,
        token=token,
    )
