"""Changing oneself where the password is the only secret (Moneypool, Update a User)."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from msgspec import UNSET, UnsetType

from whipround.db.database import Database, Tx
from whipround.domain import mailed_tokens
from whipround.domain.credentials import InvalidCredentials
from whipround.domain.images.giving import Picture
from whipround.domain.sessions import Session
from whipround.domain.users import naming, update
from whipround.domain.users.person import User
from whipround.domain.users.update import Passwords, ProofLacking, UserChange
from whipround.errors import FieldError, Invalid, Message
from whipround.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What to change; what is unset stays. Texts are checked, the email is in lower case."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    password: str | None = field(default=None, repr=False)
    current_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """An edit, and what passwords say of it: a `refusal` where its maker may not make it."""

    change: UserChange
    passwords: Passwords
    refusal: Invalid | None


async def check(
    db: Database,
    *,
    user: User,
    edit: Edit,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> Checked:
    """Whether the user may change this; passwords are worked on while no transaction is open.

    Another email or password needs the current password. A `password` that is the current one is no
    change, and proves itself. What is refused is for `carry_out` to raise, as what was carried out
    before may be repeated though the password is another one by now. Raises Throttled,
    PasswordsBusy.
    """
    email = UNSET if edit.email == user.email else edit.email
    is_given = edit.current_password is not None
    change = UserChange(
        email=email,
        password=edit.password if is_given else None,
        current_password=edit.current_password if is_given else edit.password,
    )
    if edit.name is not UNSET and edit.name != user.full_name:
        first_name, last_name = naming.split(edit.name)
        change = replace(change, first_name=first_name, last_name=last_name)
    passwords = await update.check_passwords(
        db,
        user=user,
        change=change,
        keyring=keyring,
        now=now,
        limit_multiplier=limit_multiplier,
    )
    refusal = None
    if not passwords.prove(user):
        if is_given:
            refusal = _refusal("invalid", _INVALID)
        elif edit.password is not None or email is not UNSET:
            refusal = _refusal("required", _REQUIRED)
    return Checked(change, passwords, refusal)


async def carry_out(
    tx: Tx,
    *,
    session: Session,
    checked: Checked,
    picture: Picture | UnsetType | None = UNSET,
    confirmation_url: str,
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> User:
    """Change the session's user as was `checked`, and give them a picture; the user as they are.

    Another email is theirs once the link has been followed that goes there: `confirmation_url`, to
    whose path a token is added. A new password ends all other sessions. Raises Invalid naming what
    is taken or not there, or `current_password` where that is required or wrong; SessionEnded.
    """
    if checked.refusal is not None:
        raise checked.refusal
    change = replace(checked.change, picture=picture)
    try:
        user = await update.update(
            tx,
            session=session,
            change=change,
            passwords=checked.passwords,
            keyring=keyring,
            now=now,
        )
    except InvalidCredentials as error:  # it was changed meanwhile
        raise _refusal("invalid", _INVALID) from error
    except ProofLacking as error:
        raise _refusal("required", _REQUIRED) from error
    if not isinstance(user, User):  # no PIN was tried
        raise user
    if change.email is not UNSET:
        await mailed_tokens.send_confirmation(
            tx,
            user=user,
            url=confirmation_url,
            keyring=keyring,
            now=now,
            limit_multiplier=limit_multiplier,
        )
    return user


_INVALID = Message("is invalid")
_REQUIRED = Message("is required")


def _refusal(code: str, predicate: Message) -> Invalid:
    called = Message.field("Current password")
    return Invalid([FieldError.of("current_password", code, predicate, called=called)])
