"""What the handlers about people share: parts of request bodies, limits, writes done once."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, Field, ValidationInfo, field_validator

from whipround.api.context import Call
from whipround.api.fields import ONE_LINE, wrong
from whipround.api.handling import Reply
from whipround.api.memento.errors import answer_of
from whipround.api.people_fields import WebAddress
from whipround.api.writes import write_once
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain.devices import DeviceChange, NewDevice
from whipround.domain.images.giving import Picture
from whipround.domain.users.proofs import Proof
from whipround.errors import DomainError

DeviceText = Annotated[str, Field(min_length=1, max_length=100), ONE_LINE]
PushToken = Annotated[str, Field(max_length=4096), ONE_LINE]


class DeviceDescription(BaseModel):
    """The device somebody logs in from."""

    id: UUID = Field(
        validation_alias=AliasChoices("id", "uuid"),
        description="The unique identifier of the device; `uuid` is read too.",
    )
    make: DeviceText = Field(description="The make.")
    model: DeviceText = Field(description="The model.")
    os_name: DeviceText = Field(description="The name of its operating system.")
    os_version: DeviceText = Field(description="The version of its operating system.")
    apn_device_token: PushToken | None = Field(
        None, repr=False, description="The token for Apple's push notifications."
    )
    gcm_device_token: PushToken | None = Field(
        None, repr=False, description="The token for Google's push notifications."
    )

    def device(self) -> NewDevice:
        """As the domain knows it."""
        given = self.model_dump(exclude_none=True)
        return NewDevice(**given)


class DeviceUpdate(BaseModel):
    """What to change of the current device; what is left out stays."""

    id: UUID | None = Field(
        None,
        validation_alias=AliasChoices("id", "uuid"),
        description="The id of the current device; no other can be changed.",
    )
    make: DeviceText | None = Field(None, description="The make.")
    model: DeviceText | None = Field(None, description="The model.")
    os_name: DeviceText | None = Field(None, description="The name of its operating system.")
    os_version: DeviceText | None = Field(None, description="The version of its operating system.")
    apn_device_token: PushToken | None = Field(
        None, repr=False, description="The token for Apple's push notifications."
    )
    gcm_device_token: PushToken | None = Field(
        None, repr=False, description="The token for Google's push notifications."
    )

    def change(self) -> DeviceChange:
        """As the domain knows it."""
        return DeviceChange(**self.model_dump(exclude_none=True))


class VerifiedField(BaseModel):
    """A field of a user, and the verification that proves it."""

    field: Literal["phone", "email"] = Field(description="Which field: `phone` or `email`.")
    id: UUID = Field(description="The id of the approved verification.")

    def proof(self) -> Proof:
        """As the domain knows it."""
        return Proof(self.field, self.id)


class ImageInput(BaseModel):
    """A picture: where it is to be fetched, or one that was uploaded."""

    id: UUID | None = Field(
        None,
        description="The id of an upload that is of nothing yet, or of the present picture.",
    )
    url: WebAddress | None = Field(
        None,
        validate_default=True,
        description="The picture's http or https address; not looked at beside an id.",
    )

    @field_validator("url")
    @classmethod
    def _one_of_them(cls, value: str | None, info: ValidationInfo) -> str | None:
        # Where the id is wrong it is so by itself. A picture as it is shown has both.
        if value is None and "id" in info.data and info.data["id"] is None:
            wrong("required", "or id is required")
        return value

    def picture(self) -> Picture | None:
        """As the domain knows it."""
        return self.url if self.id is None else self.id


async def once(call: Call, act: Callable[[Tx], Awaitable[Answer]]) -> Reply[Any]:
    """Carry out a write exactly once, under the request's key; its answer, or the first one again.

    Refusals by a rule are remembered with it; wrong fields and limits are not.
    """
    return Reply.rendered(await write_once(call, act, refusal=refusal))


def refusal(error: DomainError, call: Call) -> Answer:
    """The rendered answer of a write that a rule refuses, in the caller's language."""
    rendered = answer_of(error, call.language)
    return Answer(rendered.status, rendered.body)
