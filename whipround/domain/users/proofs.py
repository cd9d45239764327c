"""Verifications brought to prove the addresses of a sign-up or an update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import verifications
from whipround.domain.payees import Address
from whipround.domain.verifications import AddressKind
from whipround.errors import FieldError, Invalid, Message

_OF_ANOTHER: Mapping[AddressKind, Message] = {
    "phone": Message("Id is of a verification of another phone"),
    "email": Message("Id is of a verification of another email"),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """A verification said to prove the address in this field of a user."""

    field: AddressKind
    verification_id: UUID


@dataclass(frozen=True, slots=True)
class Proven:
    """The addresses that were proven: an E.164 number, an email in lower case."""

    phone: str | None = None
    email: str | None = None

    @property
    def addresses(self) -> list[Address]:
        """As payees, in the order in which payees are locked."""
        found: list[Address] = []
        if self.email is not None:
            found.append(("email", self.email))
        if self.phone is not None:
            found.append(("phone", self.phone))
        return found


async def consume_all(
    tx: Tx,
    proofs: Sequence[Proof],
    *,
    phone: str | None,
    email: str | None,
    user_id: UUID | None,
    now: datetime,
) -> Proven:
    """Use up the verifications; what they prove.

    A given `phone` or `email` must be what its verification went to. Raises Invalid naming every
    one that is of no use, at `verifications[i]`.
    """
    given = {"phone": phone, "email": email}
    found: dict[str, str] = {}
    errors: list[FieldError] = []
    # In the order of their ids, so that two requests with the same ones never wait for each other.
    for position, proof in sorted(enumerate(proofs), key=lambda each: each[1].verification_id):
        at = f"verifications[{position}]"
        if proof.field in found:
            errors.append(FieldError(f"{at}.field", "invalid", "Field may be proven only once"))
            continue
        try:
            recipient = await verifications.consume(
                tx,
                verification_id=proof.verification_id,
                kind=proof.field,
                user_id=user_id,
                field=f"{at}.id",
                now=now,
            )
        except Invalid as error:
            errors.extend(error.errors)
            continue
        found[proof.field] = recipient
        if given[proof.field] not in (None, recipient):
            errors.append(FieldError(f"{at}.id", "invalid", _OF_ANOTHER[proof.field]))
    if errors:
        raise Invalid(sorted(errors, key=lambda error: error.field))
    return Proven(phone=found.get("phone"), email=found.get("email"))
