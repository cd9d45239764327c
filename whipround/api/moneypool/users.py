"""Moneypool, Users: signing up, seeing oneself and others, changing oneself."""

from base64 import b64decode
from typing import Annotated
from uuid import UUID

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET
from pydantic import (
    BaseModel,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from whipround.api.bank_fields import BankName, Clabe
from whipround.api.context import Call
from whipround.api.fields import Email, Name, wrong
from whipround.api.handling import Reply
from whipround.api.moneypool.call import CURRENCY, Access, Request, auth_token, own, refusal, route
from whipround.api.moneypool.fields import Confirmation, OptionalConfirmation
from whipround.api.moneypool.people import oneself, with_token
from whipround.api.moneypool.shapes import people as shapes
from whipround.api.people_fields import Password, Secret
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.funding import clabe
from whipround.domain.funding.creation import TooManySources
from whipround.domain.gateway_calls import GatewayUnavailable
from whipround.domain.relationships import PersonNotFound
from whipround.domain.users import acquaintances, editing, joining, person
from whipround.domain.users.editing import Checked, Edit
from whipround.errors import Declined, DomainError, Invalid, Message, Throttled
from whipround.flows.clabe import carry_out
from whipround.flows.images import Stored, Upload, storing
from whipround.gateways.images.renditions import MAX_BYTES

FILES = frozenset({"user[avatar]"})

_A_PICTURE = Message("must be a file, or a data URI such as data:image/png;base64,…")


def _avatar(value: object) -> bytes:
    """The file of a picture, from a form or a data URI; nothing where there is to be none."""
    if value == "":
        return b""
    if isinstance(value, str):
        value = _decoded(value)
    if not isinstance(value, bytes) or not value:
        wrong("invalid", _A_PICTURE)
    if len(value) > MAX_BYTES:
        wrong("too_large", Message("must have at most {most} MiB", most=MAX_BYTES // 1024**2))
    return value


def _decoded(data_uri: str) -> bytes:
    """The content of a data URI (RFC 2397); nothing if it is none."""
    head, _, content = data_uri.partition(",")
    if not (head[:5].lower() == "data:" and head[-7:].lower() == ";base64"):
        return b""
    try:
        return b64decode(content, validate=True)
    except ValueError:
        return b""


Avatar = Annotated[
    bytes,
    PlainValidator(_avatar),
    WithJsonSchema({"type": "string", "examples": ["data:image/png;base64,…"]}),
]
"""A picture: the bytes of a file, or a data URI; without any where it is to go."""


class NewUser(BaseModel):
    """What a person says of themselves when they sign up."""

    name: Name = Field(description="The name.")
    email: Email = Field(description="The email address.")
    password: Password = Field(repr=False, description="The password.")
    password_confirmation: Confirmation = Field(repr=False, description="The password again.")


class SignUp(BaseModel):
    """A sign-up."""

    user: NewUser = Field(description="Who signs up.")


class UserUpdate(BaseModel):
    """What to change of the current user; what is left out stays."""

    name: Name = Field(default_factory=str, description="The name.")
    email: Email = Field(
        default_factory=str,
        description="The email address, which is to be confirmed anew. Needs `current_password`.",
    )
    password: Password | None = Field(
        None,
        repr=False,
        description="The new password, which ends all other sessions. Needs `current_password`.",
    )
    password_confirmation: OptionalConfirmation = Field(
        None, repr=False, description="The new password again."
    )
    current_password: Secret | None = Field(None, repr=False, description="The current password.")
    avatar: Avatar | None = Field(
        None,
        description="The picture, as a file of a form or a data URI: a JPEG, PNG or WebP of at most"
        " 10 MiB. Empty, in JSON: none any more.",
    )
    clabe: Clabe | None = Field(
        None,
        description="The CLABE of the bank account that withdrawals go to; empty, in JSON: none any"
        " more.",
    )
    bank: BankName | None = Field(
        None, description="The name of the bank; empty: what the bank of the CLABE is known as."
    )

    def edit(self) -> Edit:
        """As the domain knows it."""
        said = self.model_fields_set
        return Edit(
            name=self.name if "name" in said else UNSET,
            email=self.email if "email" in said else UNSET,
            password=self.password,
            current_password=self.current_password,
        )


class Update(BaseModel):
    """A change of the current user."""

    user: UserUpdate = Field(description="What to change.")


@post(
    "/api/users",
    status_code=201,
    summary="Create a User",
    tags=["Users"],
    opt=route(access=Access.ANYONE, errors=(Invalid, Throttled)),
)
async def sign_up(request: Request, data: JSONBody[SignUp]) -> Reply[shapes.UserAnswer]:
    """Create a user, who is logged in.

    The email is theirs once they have followed the link that is sent to it; so is the money that
    waits for it. Until then it keeps nobody else from using it.
    """
    call = request.call
    new = data.user
    user, opened = await joining.join(
        call.db,
        name=new.name,
        email=new.email,
        password=new.password,
        locale=call.accepted or joining.LOCALE,
        confirmation_url=call.services.confirmation_url,
        currencies=call.product.currencies,
        address=call.remote_address,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    async with call.db.transaction() as tx:
        return Reply(await oneself(tx, call, user, token=opened.secret))


@get(
    "/api/users/{user_id:int}",
    summary="Get a User",
    tags=["Users"],
    opt=route(errors=(PersonNotFound,), is_own=False),
)
async def get_user(request: Request, user_id: FromPath[int]) -> Reply[shapes.UserAnswer]:
    """Get a user: all of oneself, and `id`, `name`, `email` and `avatar_url` of acquaintances.

    These are people whom one has paid or was paid by, whom one has asked for money or was asked by,
    and with whom one is in a pool: in MXN.
    """
    call = request.call
    me = call.authenticated.user
    async with call.db.transaction() as tx:
        if user_id == me.number:
            return Reply(await oneself(tx, call, me, token=auth_token(call) or ""))
        found = await acquaintances.get(tx, viewer_id=me.id, number=user_id, currency=CURRENCY)
    return Reply(shapes.other(found, gallery=call.gallery))


@patch(
    "/api/users/{user_id:int}",
    summary="Update a User",
    tags=["Users"],
    opt=route(
        errors=(Throttled, TooManySources, GatewayUnavailable, *REPEATS),
        renamed={
            "file": "avatar",
            TooManySources: "clabe",
            GatewayUnavailable: "clabe",
        },
        form=Update,
        files=FILES,
    ),
)
async def update_user(request: Request, user_id: FromPath[int]) -> Reply[shapes.UserAnswer]:
    """Update the current user: as JSON, or as a form whose fields are called `user[name]`.

    Another email or password needs `current_password`; a `password` that is the current one already
    proves itself. Another email is to be confirmed by the link that is sent to it. A new CLABE is
    shown once its bank has been asked; where that says no, all else was changed.
    """
    call = request.call
    me = own(call, user_id)
    change = (await request.read_form(Update, files=FILES)).user
    checked = await editing.check(
        call.db,
        user=me,
        edit=change.edit(),
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    if not change.avatar or checked.refusal is not None:
        return await _update(call, change, checked, None)
    async with storing(
        call.db,
        call.services.studio,
        new=Upload(me.id, change.avatar, None, None, "", ""),
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    ) as stored:
        return await _update(call, change, checked, stored)


async def _update(
    call: Call, change: UserUpdate, checked: Checked, stored: Stored | None
) -> Reply[shapes.UserAnswer]:
    me, desk, keyring = call.authenticated.user, call.services.desk, call.services.keyring

    async def act(tx: Tx, request_number: int) -> Answer | UUID:
        picture = None if change.avatar == b"" else UNSET
        user = await editing.carry_out(
            tx,
            session=call.authenticated,
            checked=checked,
            picture=picture if stored is None else (await stored.finish(tx)).id,
            confirmation_url=call.services.confirmation_url,
            keyring=keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        call_id = await clabe.change(
            tx,
            user_id=me.id,
            number=change.clabe,
            bank=change.bank,
            request_number=request_number,
            processor_name=desk.processors.banks.name,
            keyring=keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        # The token is added at the end: the answer is kept, and no token is to be.
        return call_id or answer(await oneself(tx, call, user, token=""))

    async def render(tx: Tx, error: DomainError | None) -> Answer:
        if error is not None:
            return refusal(error, call)
        user = await person.find(tx, user_id=me.id)
        return answer(await oneself(tx, call, user, token=""))

    def refuse(error: DomainError) -> Answer | None:
        return refusal(error, call) if isinstance(error, Declined) else None

    answered = await carry_out(
        desk, key=call.key, act=act, render=render, refuse=refuse, now=call.now
    )
    return Reply.rendered(with_token(answered, auth_token(call) or ""))


handlers = [sign_up, get_user, update_user]
