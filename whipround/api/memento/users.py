"""Memento, Users: signing up, oneself, and others."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field

from whipround.api.context import Call
from whipround.api.fields import ONE_LINE, Country, Email, Locale, Meta, Phone, Pin, Timezone
from whipround.api.handling import Reply
from whipround.api.memento.call import Access, Request, route
from whipround.api.memento.people import (
    DeviceDescription,
    DeviceUpdate,
    ImageInput,
    VerifiedField,
    once,
    refusal,
)
from whipround.api.memento.shapes import people as shapes
from whipround.api.people_fields import (
    DateOfBirth,
    JsonObject,
    Password,
    PersonName,
    Secret,
    Username,
)
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import relationships
from whipround.domain.credentials import InvalidCredentials, InvalidPin, UserLocked
from whipround.domain.relationships import PersonNotFound
from whipround.domain.users import person, search, signup, update
from whipround.domain.users.person import User
from whipround.domain.users.search import Wanted
from whipround.domain.users.signup import NewUser
from whipround.domain.users.update import UserChange
from whipround.errors import DomainError, Invalid, Throttled

Proofs = Annotated[list[VerifiedField], Field(max_length=10)]

MOST_VALUES = 50
SearchText = Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]


class SignUp(BaseModel):
    """What a person says of themselves when they sign up."""

    first_name: PersonName = Field(description="The first name.")
    last_name: PersonName = Field(description="The last name.")
    username: Username = Field(description="The username; nobody else may have it.")
    pin: Pin = Field(repr=False, description="The PIN, with which payments are approved.")
    verifications: Annotated[list[VerifiedField], Field(min_length=1, max_length=10)] = Field(
        description="At least one approved verification, of the phone or the email."
    )
    device: DeviceDescription = Field(description="The device to be logged in on.")
    email: Email | None = Field(None, description="The email address.")
    phone: Phone | None = Field(None, description="The phone number.")
    password: Password | None = Field(None, repr=False, description="A password to log in with.")
    country: Country | None = Field(None, description="The country; default: the phone's.")
    timezone: Timezone | None = Field(None, description="The time zone; default `UTC`.")
    locale: Locale | None = Field(None, description="The preferred locale; default `en`.")
    date_of_birth: DateOfBirth | None = Field(None, description="The day of birth.")
    preferences: JsonObject | None = Field(
        None, description="The preferences: a JSON object, as a string; default `{}`."
    )
    meta: Meta | None = Field(None, description="Text that the client owns.")
    image: ImageInput | None = Field(None, description="A picture of the user.")

    def new_user(self) -> NewUser:
        """As the domain knows it."""
        said = self.model_dump(exclude={"verifications", "device", "image"}, exclude_none=True)
        return NewUser(**said, picture=self.image.picture() if self.image else None)


class UserUpdate(BaseModel):
    """What to change of the current user; what is left out stays."""

    first_name: PersonName = Field(default_factory=str, description="The first name.")
    last_name: PersonName = Field(default_factory=str, description="The last name.")
    username: Username = Field(
        default_factory=str, description="The username; nobody else may have it."
    )
    email: Email | None = Field(None, description="The email address; null takes it away.")
    phone: Phone | None = Field(None, description="The phone number; null takes it away.")
    country: Country = Field(default_factory=str, description="The country.")
    timezone: Timezone = Field(default_factory=str, description="The time zone.")
    locale: Locale = Field(default_factory=str, description="The preferred locale.")
    date_of_birth: DateOfBirth | None = Field(None, description="The day of birth.")
    preferences: JsonObject = Field(
        default_factory=str, description="The preferences: a JSON object, as a string."
    )
    meta: Meta = Field(default_factory=str, description="Text that the client owns.")
    pin: Pin | None = Field(
        None,
        repr=False,
        description="The new PIN, beside `current_pin`, `current_password` or a verification of"
        " the user's own phone or email; otherwise the current PIN.",
    )
    current_pin: Pin | None = Field(None, repr=False, description="The current PIN.")
    password: Password | None = Field(None, repr=False, description="The new password.")
    current_password: Secret | None = Field(None, repr=False, description="The current password.")
    verifications: Proofs = Field(
        [], description="Approved verifications of a new phone or email, or of the user's own."
    )
    device: DeviceUpdate | None = Field(None, description="The current device.")
    image: ImageInput | None = Field(None, description="A picture of the user; null takes it away.")

    def change(self) -> UserChange:
        """As the domain knows it."""
        said: dict[str, Any] = {
            name: getattr(self, name)
            for name in self.model_fields_set - {"verifications", "device", "image"}
        }
        if "image" in self.model_fields_set:
            said["picture"] = self.image.picture() if self.image else None
        return UserChange(
            **said,
            proofs=[each.proof() for each in self.verifications],
            device=self.device.change() if self.device else None,
        )


class UserSearch(BaseModel):
    """Whom to look for; at least one list."""

    name: Annotated[list[SearchText], Field(max_length=MOST_VALUES)] = Field(
        [], description="Names; a user is found by one whose every word is in theirs."
    )
    username: Annotated[list[SearchText], Field(max_length=MOST_VALUES)] = Field(
        [], description="Usernames."
    )
    email: Annotated[list[Email], Field(max_length=MOST_VALUES)] = Field(
        [], description="Email addresses; a user is found by a verified one."
    )
    phone: Annotated[list[Phone], Field(max_length=MOST_VALUES)] = Field(
        [], description="Phone numbers; a user is found by a verified one."
    )
    show_current_friends: bool = Field(
        False,  # noqa: FBT003
        description="Whether to show those too who are contacts or friends already.",
    )

    def wanted(self) -> Wanted:
        """As the domain knows it. Raises Invalid where nobody is looked for."""
        if not (self.name or self.username or self.email or self.phone):
            raise Invalid.field(
                "name", "required", "Name is required, or a username, email or phone"
            )
        return Wanted(
            names=self.name, usernames=self.username, emails=self.email, phones=self.phone
        )


@post(
    "/v1/users",
    summary="Create a user – signup",
    tags=["Users"],
    status_code=201,
    opt=route(access=Access.ANYONE, errors=(Throttled,)),
)
async def sign_up(request: Request, data: JSONBody[SignUp]) -> Reply[shapes.CurrentUser]:
    """Create a user – signup.

    A verified phone or email is needed; one of these that the body leaves out is taken from its
    verification. The user gets a wallet, all money that waits for those addresses, and in `token`
    an authentication that is approved already.
    """
    call = request.call
    signed_up = await signup.sign_up(
        call.db,
        new=data.new_user(),
        proofs=[each.proof() for each in data.verifications],
        device=data.device.device(),
        currencies=call.product.currencies,
        address=call.remote_address,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    return Reply(
        shapes.current_user(
            signed_up.user, gallery=call.gallery, now=call.now, issued=signed_up.token
        )
    )


@get(
    "/v1/users/current",
    summary="Get the current user",
    tags=["Users"],
    opt=route(),
)
async def get_current_user(request: Request) -> Reply[shapes.CurrentUser]:
    """Get the current user."""
    call = request.call
    return Reply(shapes.current_user(call.authenticated.user, gallery=call.gallery, now=call.now))


@get(
    "/v1/users/{user_id:uuid}",
    summary="Get a user",
    tags=["Users"],
    opt=route(errors=(PersonNotFound,)),
)
async def get_user(request: Request, user_id: FromPath[UUID]) -> Reply[shapes.User]:
    """Get what anybody may know of a user; nothing of one who has blocked the current user."""
    call = request.call
    async with call.db.transaction() as tx:
        found = await person.get(tx, viewer_id=call.authenticated.user.id, user_id=user_id)
        [shape] = await _seen(tx, call, [found])
    return Reply(shape)


@post(
    "/v1/users/{user_id:uuid}/block",
    summary="Block a user",
    tags=["Users"],
    status_code=200,
    opt=route(errors=(PersonNotFound, Invalid, *REPEATS)),
)
async def block_user(request: Request, user_id: FromPath[UUID]) -> Reply[shapes.User]:
    """Block a user: neither finds, sees or pays the other."""
    call = request.call
    me = call.authenticated.user

    async def act(tx: Tx) -> Answer:
        await relationships.block(tx, user_id=me.id, other_user_id=user_id, now=call.now)
        [shape] = await _seen(tx, call, [await person.find(tx, user_id=user_id)])
        return answer(shape)

    return await once(call, act)


@post(
    "/v1/users/{user_id:uuid}/unblock",
    summary="Unblock a user",
    tags=["Users"],
    status_code=200,
    opt=route(errors=(PersonNotFound, Invalid, *REPEATS)),
)
async def unblock_user(request: Request, user_id: FromPath[UUID]) -> Reply[shapes.User]:
    """Unblock a user."""
    call = request.call
    me = call.authenticated.user

    async def act(tx: Tx) -> Answer:
        await relationships.unblock(tx, user_id=me.id, other_user_id=user_id)
        [shape] = await _seen(tx, call, [await person.find(tx, user_id=user_id)])
        return answer(shape)

    return await once(call, act)


@post(
    "/v1/users/search",
    summary="Search for users",
    tags=["Users"],
    status_code=200,
    opt=route(),
)
async def search_users(request: Request, data: JSONBody[UserSearch]) -> Reply[list[shapes.User]]:
    """Search for users by name, username, email or phone; at most 100 are found, in order of name.

    Those who have blocked or were blocked by the current user are not among them.
    """
    call = request.call
    async with call.db.transaction() as tx:
        found = await search.search(
            tx,
            user_id=call.authenticated.user.id,
            wanted=data.wanted(),
            show_current_friends=data.show_current_friends,
        )
        return Reply(await _seen(tx, call, found))


_UPDATE_ERRORS = (InvalidPin, UserLocked, InvalidCredentials, Throttled, *REPEATS)


@put(
    "/v1/users",
    summary="Update the current user",
    tags=["Users"],
    opt=route(errors=_UPDATE_ERRORS),
)
async def update_current_user(
    request: Request, data: JSONBody[UserUpdate]
) -> Reply[shapes.CurrentUser]:
    """Update the current user.

    A new PIN, password, phone or email needs the current PIN or password, or a verification: of the
    new address, or for a new PIN or password of one that was the user's when they logged in. A new
    address without a verification is kept, but neither logs in nor receives money. A new PIN or
    password ends all other sessions.
    """
    return await _update(request.call, data)


@put(
    "/v1/users/{user_id:uuid}",
    summary="Update the current user, by id",
    tags=["Users"],
    opt=route(errors=(PersonNotFound, *_UPDATE_ERRORS)),
)
async def update_user(
    request: Request, user_id: FromPath[UUID], data: JSONBody[UserUpdate]
) -> Reply[shapes.CurrentUser]:
    """The same as `PUT /v1/users`; nobody else can be updated."""
    if user_id != request.call.authenticated.user.id:
        raise PersonNotFound
    return await _update(request.call, data)


async def _update(call: Call, data: UserUpdate) -> Reply[shapes.CurrentUser]:
    session = call.authenticated
    change = data.change()
    passwords = await update.check_passwords(
        call.db,
        user=session.user,
        change=change,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )

    async def act(tx: Tx) -> Answer:
        outcome = await update.update(
            tx,
            session=session,
            change=change,
            passwords=passwords,
            keyring=call.services.keyring,
            now=call.now,
        )
        if isinstance(outcome, DomainError):
            return refusal(outcome, call)
        return answer(shapes.current_user(outcome, gallery=call.gallery, now=call.now))

    return await once(call, act)


async def _seen(tx: Tx, call: Call, found: Sequence[User]) -> list[shapes.User]:
    """People as the current user sees them."""
    me = call.authenticated.user
    between = await relationships.between(
        tx, user_id=me.id, other_user_ids=[each.id for each in found]
    )
    return [
        shapes.user(each, between[each.id], gallery=call.gallery, now=call.now) for each in found
    ]


handlers = [
    sign_up,
    get_current_user,
    get_user,
    block_user,
    unblock_user,
    search_users,
    update_current_user,
    update_user,
]
