"""People, how they prove who they are, and their devices, as Memento shows them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from whipround.api.memento.shapes import images
from whipround.api.memento.shapes_base import CREATED_AT, ID, UPDATED_AT, Shape
from whipround.api.shapes import doc
from whipround.domain import devices, relationships, sessions, tokens, verifications
from whipround.domain.images.gallery import Gallery
from whipround.domain.users import person

_STATUS_IDS: Mapping[tokens.TokenStatus, Literal[1, 2, 3]] = {
    "pending": 1,
    "approved": 2,
    "rejected": 3,
}

_ERROR_MESSAGES = {
    "": "",
    "invalid_code": "The code is wrong.",
    "too_many_attempts": "The code was wrong too often.",
    "expired": "The code came too late.",
}

_DOCUMENT_ERROR_MESSAGES = _ERROR_MESSAGES | {"expired": "Nobody looked at it in time."}


class Authentication(Shape):
    """An authentication (Memento, The authentication object)."""

    id: ID
    uuid: Annotated[UUID, doc("The same as `id`, under the name of the first revision.")]
    status: Annotated[tokens.TokenStatus, doc("Whether a session can be opened with it.")]
    status_id: Annotated[
        Literal[1, 2, 3], doc("The status as a number: 1 pending, 2 approved, 3 rejected.")
    ]
    error_code: Annotated[
        str, doc("Why it was rejected: `too_many_attempts`, `expired`; or empty.")
    ]
    error_message: Annotated[str, doc("The same, for a person.")]
    expires_at: Annotated[
        datetime, doc("Until when the token is good; while pending, until when the code is.")
    ]
    token: Annotated[
        str | UnsetType, doc("The authentication token. Only where it is handed out.")
    ] = UNSET


class Session(Shape):
    """A session (Memento, The session object)."""

    id: ID
    uuid: Annotated[UUID, doc("The same as `id`, under the name of the first revision.")]
    token: Annotated[str, doc("The session token.")]
    created_at: CREATED_AT
    expires_at: Annotated[datetime, doc("The time when the session expires.")]


class Relationship(Shape):
    """How the current user stands to another one (Memento, The relationship object)."""

    id: ID
    type: Annotated[relationships.RelationshipType, doc("The type.")]
    contact_id: Annotated[UUID | None, doc("The contact behind it, if there is one.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT


class User(Shape):
    """What anybody may know of a user (Memento, The user object)."""

    id: ID
    first_name: Annotated[str, doc("The first name.")]
    last_name: Annotated[str, doc("The last name.")]
    full_name: Annotated[str, doc("Both names.")]
    username: Annotated[str, doc("The username.")]
    country: Annotated[str, doc("The ISO 3166-1 alpha-2 code of the country; empty if not known.")]
    timezone: Annotated[str, doc("The name of the time zone.")]
    timezone_utc_offset: Annotated[
        int, doc("The hours that the time zone is ahead of UTC now, rounded down.")
    ]
    verified: Annotated[bool, doc("Whether the account has been verified.")]
    official: Annotated[bool, doc("Whether the account is an official one.")]
    preferences: Annotated[str, doc("The user's preferences: a JSON object, as a string.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    image: Annotated[images.Image | None, doc("The user's picture, if there is one.")]
    relationships: Annotated[
        list[Relationship], doc("How the current user and this one stand to each other.")
    ]


class CurrentUser(Shape):
    """What a user knows of themselves (Memento, The current user object)."""

    id: ID
    status: Annotated[
        Literal["pending", "active", "locked", "rejected"], doc("What the account can be used for.")
    ]
    first_name: Annotated[str, doc("The first name.")]
    last_name: Annotated[str, doc("The last name.")]
    full_name: Annotated[str, doc("Both names.")]
    username: Annotated[str, doc("The username.")]
    country: Annotated[str, doc("The ISO 3166-1 alpha-2 code of the country; empty if not known.")]
    timezone: Annotated[str, doc("The name of the time zone.")]
    timezone_utc_offset: Annotated[
        int, doc("The hours that the time zone is ahead of UTC now, rounded down.")
    ]
    locale: Annotated[str, doc("The preferred locale.")]
    verified: Annotated[bool, doc("Whether the account has been verified.")]
    official: Annotated[bool, doc("Whether the account is an official one.")]
    email: Annotated[str | None, doc("The email address, if there is one.")]
    date_of_birth: Annotated[datetime | None, doc("Midnight UTC of the day of birth, if known.")]
    phone: Annotated[str | None, doc("The phone number in E.164, if there is one.")]
    preferences: Annotated[str, doc("The user's preferences: a JSON object, as a string.")]
    meta: Annotated[str, doc("Text that the client owns.")]
    image: Annotated[images.Image | None, doc("The user's picture, if there is one.")]
    created_at: CREATED_AT
    updated_at: UPDATED_AT
    token: Annotated[
        Authentication | UnsetType, doc("The user's authentication. Only in answer to a sign-up.")
    ] = UNSET


class Verification(Shape):
    """A verification (Memento, The verification object)."""

    id: ID
    type: Annotated[verifications.VerificationType, doc("What proves it.")]
    status: Annotated[
        verifications.VerificationStatus, doc("What became of it; `cancelled` is replaced.")
    ]
    attempts: Annotated[
        int, doc("Which attempt at the code is next, or was the last; from 1 to 5.")
    ]
    error_code: Annotated[
        str,
        doc(
            "`invalid_code`, `too_many_attempts` or `expired`; of a document `rejected` or"
            " `expired`; empty where all is well."
        ),
    ]
    error_message: Annotated[str, doc("The same, for a person; of a rejected document the reason.")]
    expires_at: Annotated[
        datetime, doc("Until when the code is good, or the document can be decided about.")
    ]


class Device(Shape):
    """A device (Memento, The device object). Its push tokens are never shown."""

    id: ID
    make: Annotated[str, doc("The make.")]
    model: Annotated[str, doc("The model.")]
    os_name: Annotated[str, doc("The name of its operating system.")]
    os_version: Annotated[str, doc("The version of its operating system.")]


def authentication(token: tokens.Token, *, secret: str | None = None) -> Authentication:
    """An authentication, with its token where that is known."""
    return Authentication(
        id=token.id,
        uuid=token.id,
        status=token.status,
        status_id=_STATUS_IDS[token.status],
        error_code=token.error_code,
        error_message=_ERROR_MESSAGES[token.error_code],
        expires_at=token.expires_at,
        token=UNSET if secret is None else secret,
    )


def session(opened: sessions.OpenedSession) -> Session:
    """A session that was just opened."""
    return Session(
        id=opened.id,
        uuid=opened.id,
        token=opened.secret,
        created_at=opened.created_at,
        expires_at=opened.expires_at,
    )


def user(
    found: person.User,
    between: Sequence[relationships.Relationship],
    *,
    gallery: Gallery,
    now: datetime,
) -> User:
    """A user as another one sees them, with what is between the two."""
    return User(
        id=found.id,
        first_name=found.first_name,
        last_name=found.last_name,
        full_name=found.full_name,
        username=found.username,
        country=found.country,
        timezone=found.timezone,
        timezone_utc_offset=found.utc_offset_hours(now),
        verified=found.verified,
        official=found.official,
        preferences=found.preferences,
        meta=found.meta,
        image=_image(found, gallery),
        relationships=[
            Relationship(
                id=each.id,
                type=each.type,
                contact_id=each.contact_id,
                created_at=each.created_at,
                updated_at=each.updated_at,
            )
            for each in between
        ],
    )


def current_user(
    me: person.User,
    *,
    gallery: Gallery,
    now: datetime,
    issued: tokens.IssuedToken | None = None,
) -> CurrentUser:
    """A user as they see themselves; at sign-up with the token issued then."""
    born = me.date_of_birth
    return CurrentUser(
        id=me.id,
        status=me.status_at(now),
        first_name=me.first_name,
        last_name=me.last_name,
        full_name=me.full_name,
        username=me.username,
        country=me.country,
        timezone=me.timezone,
        timezone_utc_offset=me.utc_offset_hours(now),
        locale=me.locale,
        verified=me.verified,
        official=me.official,
        email=me.email,
        date_of_birth=None if born is None else datetime.combine(born, time(), UTC),
        phone=me.phone,
        preferences=me.preferences,
        meta=me.meta,
        image=_image(me, gallery),
        created_at=me.created_at,
        updated_at=me.updated_at,
        token=UNSET if issued is None else authentication(issued.token, secret=issued.secret),
    )


def _image(shown: person.User, gallery: Gallery) -> images.Image | None:
    found = shown.image
    return None if found is None else images.image(found, gallery)


def verification(found: verifications.Verification) -> Verification:
    """A verification as its caller sees it."""
    messages = _DOCUMENT_ERROR_MESSAGES if found.code_digest is None else _ERROR_MESSAGES
    return Verification(
        id=found.id,
        type=found.type,
        status=found.status,
        attempts=found.attempts,
        error_code=found.error_code,
        error_message=found.error_message or messages[found.error_code],
        expires_at=found.expires_at,
    )


def device(found: devices.Device) -> Device:
    """A device as its user sees it."""
    return Device(
        id=found.id,
        make=found.make,
        model=found.model,
        os_name=found.os_name,
        os_version=found.os_version,
    )
