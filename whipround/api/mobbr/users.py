"""Mobbr, user: seeing and changing oneself, and proving what else is one's own."""

import re
from typing import Annotated

from litestar import get, post, put
from msgspec import UNSET
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from whipround.api import links
from whipround.api.fields import ONE_LINE, VISIBLE, Country, Email, Locale, Timezone, wrong
from whipround.api.handling import Reply
from whipround.api.mobbr.call import Request, answered, once, reply, route
from whipround.api.mobbr.oneself import oneself, shape_of
from whipround.api.mobbr.shapes import users as shapes
from whipround.api.people_fields import DateOfBirth, PersonName, Secret
from whipround.api.writes import REPEATS, limit_multiplier
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import email_ids
from whipround.domain.mailed_tokens import MailedTokenNotFound
from whipround.domain.users import profile
from whipround.domain.users.profile import ProfileChange
from whipround.errors import Invalid, Message, Throttled
from whipround.flows import profile_proofs
from whipround.flows.profile_proofs import SiteOutOfReach

_TAGS = ["Users"]

_VAT_NUMBER = re.compile(r"[A-Z]{2}[A-Z0-9]{2,13}", re.ASCII)


def _vat_number(value: object) -> object:
    if not isinstance(value, str) or not value:
        return value
    number = re.sub(r"[ .-]", "", value).upper()
    if not _VAT_NUMBER.fullmatch(number):
        wrong("invalid", "must be a VAT number, such as NL807665915B01")
    return number


_Line = Annotated[str, Field(max_length=200), ONE_LINE]
_Seen = Annotated[_Line, VISIBLE]


def _empty_or(value: object) -> object:
    return None if value == "" else value


class UserFields(BaseModel):
    """What to change of the user; what is left out stays, and empty takes away."""

    model_config = ConfigDict(extra="forbid")

    firstname: PersonName = Field("", description="The first name.")
    lastname: Annotated[str, Field(max_length=100), ONE_LINE, VISIBLE] = Field(
        "", description="The last name; perhaps empty."
    )
    birthday: Annotated[DateOfBirth | None, BeforeValidator(_empty_or)] = Field(
        None, description="The date of birth, `YYYY-MM-DD`; empty: unknown."
    )
    language_iso: Locale = Field("", description="The language to be written to in, such as `EN`.")
    timezone: Timezone = Field("", description="The time zone.")
    companyname: _Seen = Field("", description="The company that is on invoices; perhaps empty.")
    vat_number: Annotated[str, Field(max_length=40), BeforeValidator(_vat_number)] = Field(
        "", description="Its VAT number; perhaps empty."
    )
    address: _Line = Field("", description="Street and number, for invoices.")
    zip: Annotated[str, Field(max_length=20), ONE_LINE] = Field("", description="The postal code.")
    city: _Line = Field("", description="The city.")
    country_of_residence: Annotated[Country | None, BeforeValidator(_empty_or)] = Field(
        None, description="The country, two letters; empty: unknown."
    )

    def change(self) -> ProfileChange:
        """As the domain knows it."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return ProfileChange(
            **{
                theirs: said.get(ours, UNSET)
                for ours, theirs in _CALLED.items()
                if ours != "country_of_residence"
            },
            country=(said["country_of_residence"] or "")
            if "country_of_residence" in said
            else UNSET,
        )


_CALLED = {
    "firstname": "first_name",
    "lastname": "last_name",
    "birthday": "date_of_birth",
    "language_iso": "locale",
    "timezone": "timezone",
    "companyname": "company_name",
    "vat_number": "vat_number",
    "address": "address",
    "zip": "zip",
    "city": "city",
}


class UpdateUser(BaseModel):
    """A change of the user who is calling."""

    user: UserFields = Field(description="The fields to change.")


class NewEmail(BaseModel):
    """A further email address."""

    new_email: Email = Field(description="The email address.")


class ConfirmEmail(BaseModel):
    """What proves an email address."""

    confirm_token: Secret = Field(
        repr=False,
        description="The token that was mailed there: for this, or in a mail that says that money"
        " waits.",
    )


class AskedProvider(BaseModel):
    """Where to prove a profile."""

    provider: Annotated[str, Field(min_length=1, max_length=50)] = Field(
        description="A `provider` of `GET /api_v1/api/oauth_providers`."
    )


class ProvenProfile(AskedProvider):
    """What somebody has come back with from there."""

    code: Secret = Field(repr=False, description="The `code` in the address they came back to.")
    state: Secret = Field(repr=False, description="The `state` in it.")


@get("/api_v1/user", summary="See oneself", tags=_TAGS, opt=route())
async def get_user(request: Request) -> Reply[shapes.User]:
    """See the complete profile of the user who is calling."""
    call = request.call
    async with call.db.transaction() as tx:
        return reply(call, await oneself(tx, call, call.authenticated.user.id))


@post(
    "/api_v1/user/update_user",
    status_code=201,
    summary="Update user",
    tags=_TAGS,
    opt=route(arguments=UpdateUser, errors=(Invalid, *REPEATS)),
)
async def update_user(request: Request) -> Reply[shapes.User]:
    """Change the names and what stands on invoices; fields that are left out stay.

    Whoever has a name, an `address` and a `country_of_residence`, and, with a `companyname`, a
    `vat_number`, is paid by payments that are `invoiced`.
    """
    call = request.call
    change = (await request.arguments(UpdateUser)).user.change()

    async def act(tx: Tx) -> Answer:
        user_id = call.authenticated.user.id
        changed = await profile.change(tx, user_id=user_id, change=change, now=call.now)
        return answered(call, shape_of(call, changed))

    return await once(call, act)


@post(
    "/api_v1/user/email_id",
    status_code=201,
    summary="Add an email",
    tags=_TAGS,
    opt=route(
        arguments=NewEmail, errors=(Invalid, Throttled, *REPEATS), renamed={"email": "new_email"}
    ),
)
async def add_email(request: Request) -> Reply[None]:
    """Have a token mailed to a further email, which proves that it is one's own, too.

    Or to that of the profile, while it is not confirmed. Earlier tokens stay good, for seven days.
    """
    call, wanted = request.call, await request.arguments(NewEmail)
    user_id = call.authenticated.user.id
    await email_ids.count(
        call.db,
        user_id=user_id,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )

    async def act(tx: Tx) -> Answer:
        await email_ids.ask(
            tx,
            user_id=user_id,
            email=wanted.new_email,
            url=call.services.links.email_id,
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
        sent = Message("A confirmation link was sent to {email}", email=wanted.new_email)
        return answered(call, None, sent)

    return await once(call, act)


@put(
    "/api_v1/user/confirm_email_id",
    status_code=201,
    summary="Confirm an email",
    tags=_TAGS,
    opt=route(
        arguments=ConfirmEmail, errors=(Invalid, *REPEATS), renamed={"email": "confirm_token"}
    ),
)
async def confirm_email(request: Request) -> Reply[shapes.User]:
    """Prove an email with the token that was mailed there; what was paid to it arrives.

    It is added to what the user is known by (`id`), and is the `email` of the profile if there is
    none yet.
    """
    call, brought = request.call, await request.arguments(ConfirmEmail)
    session = call.authenticated

    async def act(tx: Tx) -> Answer:
        try:
            await email_ids.confirm(
                tx,
                user_id=session.user.id,
                secret=brought.confirm_token,
                # Who shows a token of theirs may only have stolen it.
                knows_password=session.id == session.user.id,
                now=call.now,
            )
        except MailedTokenNotFound as error:
            predicate = Message("is unknown, has been used or has expired")
            message = "Confirm token is unknown, has been used or has expired"
            raise Invalid.field("confirm_token", "invalid", message, predicate) from error
        return answered(call, await oneself(tx, call, session.user.id))

    return await once(call, act)


@get(
    "/api_v1/user/oauth_url",
    summary="Get an address to prove a profile at",
    tags=_TAGS,
    opt=route(arguments=AskedProvider, errors=(Invalid, Throttled)),
)
async def oauth_url(request: Request) -> Reply[str]:
    """Get the address where the user logs in at a site, to show that a profile there is theirs.

    They come back, within 15 minutes, with a `code` and a `state` for `PUT /api_v1/user/oauth_id`.
    """
    call, wanted = request.call, await request.arguments(AskedProvider)
    address = await profile_proofs.begin(
        call.db,
        call.services.providers,
        provider=wanted.provider,
        user_id=call.authenticated.user.id,
        keyring=call.services.keyring,
        now=call.now,
        limit_multiplier=limit_multiplier(call),
    )
    here = links.address_of(call.product, public_url=call.services.public_url)
    return reply(call, address if "://" in address else here + address)


@put(
    "/api_v1/user/oauth_id",
    status_code=201,
    summary="Prove a profile",
    tags=_TAGS,
    opt=route(arguments=ProvenProfile, errors=(Invalid, SiteOutOfReach)),
)
async def prove_profile(request: Request) -> Reply[shapes.User]:
    """Prove a profile with what the user came back with; what was paid to it arrives.

    It is theirs from then on, whoever had proven it before. A `state` is good once.
    """
    call, brought = request.call, await request.arguments(ProvenProfile)
    user_id = call.authenticated.user.id
    url = await profile_proofs.finish(
        call.db,
        call.services.providers,
        provider=brought.provider,
        code=brought.code,
        state=brought.state,
        user_id=user_id,
        keyring=call.services.keyring,
        now=call.now,
    )
    async with call.db.transaction() as tx:
        me = await oneself(tx, call, user_id)
    return reply(call, me, Message("{url} is yours", url=url))


handlers = [
    get_user,
    update_user,
    add_email,
    confirm_email,
    oauth_url,
    prove_profile,
]
