"""The bodies of requests about pools (Memento, Money Pools)."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from whipround.api.fields import (
    MANY_LINES,
    ONE_LINE,
    VISIBLE,
    Amount,
    Email,
    Meta,
    Name,
    SupportedCurrency,
    Time,
    wrong,
)
from whipround.api.memento.paying import SharePayment
from whipround.api.memento.people import ImageInput
from whipround.domain.payments.shares import Contribution
from whipround.domain.pools.changing import PoolChange
from whipround.domain.pools.creation import NewPool
from whipround.domain.pools.exports import Format
from whipround.domain.pools.options import NewOption

Title = Annotated[str, Field(min_length=1, max_length=200), ONE_LINE, VISIBLE]
Details = Annotated[str, Field(max_length=10_000), MANY_LINES]

_HASHTAG = re.compile(r"\w*")


def _hashtag(value: str) -> str:
    word = value.removeprefix("#")
    if not _HASHTAG.fullmatch(word):
        wrong("invalid", "must be one word of letters, digits and underscores")
    return word


Hashtag = Annotated[str, Field(max_length=100), ONE_LINE, AfterValidator(_hashtag)]
"""One word, with or without the `#`, which is not kept; perhaps nothing."""

_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def _unset(value: datetime | None) -> datetime | None:
    return None if value == _NO_TIME else value


PoolTime = Annotated[Time | None, AfterValidator(_unset)]
"""A time, or none; 0001-01-01T00:00:00Z is none too, as Memento's document shows it."""


class OptionInput(BaseModel):
    """What can be contributed."""

    title: Name = Field(description="The option's title.")
    amount: Amount = Field(description="The amount to be paid.")


class OptionChange(OptionInput):
    """What can be contributed, of a pool that is changed."""

    id: UUID | None = Field(
        None, description="The id of the option where it is there already, which it then keeps."
    )


class _OnOff(BaseModel):
    """What is on or off about a pool that is made."""

    is_public: bool = Field(
        False,  # noqa: FBT003
        description="Whether everybody can see it, or only who is invited.",
    )
    only_owner_sees_participants: bool = Field(
        False,  # noqa: FBT003
        description="Whether only the owner sees who takes part; others see themselves.",
    )
    has_unique_participants: bool = Field(
        False,  # noqa: FBT003
        description="Whether everybody can contribute only once.",
    )
    allows_optional_amount: bool = Field(
        False,  # noqa: FBT003
        description="Whether people can choose an amount where there are options.",
    )


class PoolCreate(_OnOff):
    """A pool to be made (Memento, Create a money pool)."""

    description: Title = Field(description="The title.")
    detailed_description: Details = Field("", description="What it is for, at length.")
    funding_source_id: UUID = Field(
        description="The funding source it is paid out to: one's own wallet or bank account."
    )
    hashtag: Hashtag = Field("", description="A hashtag, with or without the `#`.")
    contribution_options: Annotated[list[OptionInput], Field(max_length=50)] = Field(
        [], description="What can be contributed; none if any amount can."
    )
    currency: SupportedCurrency = Field(description="The currency; it never changes.")
    invites: Annotated[list[UUID], Field(max_length=100)] = Field(
        [], description="The users who are invited."
    )
    image: ImageInput | None = Field(None, description="A picture of it.")
    minimum_user_amount: Amount | None = Field(
        None, description="The lowest amount that can be chosen."
    )
    maximum_user_amount: Amount | None = Field(
        None, description="The highest amount that can be chosen."
    )
    start_at: PoolTime = Field(None, description="The time from which on it takes money.")
    end_at: PoolTime = Field(None, description="The time at which it ends by itself.")
    meta: Meta = Field("", description="Text that the client owns.")

    def pool(self) -> NewPool:
        """As the domain knows it."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        options = [NewOption(it.title, it.amount) for it in said.pop("contribution_options")]
        image = said.pop("image")
        return NewPool(**said, options=options, picture=image.picture() if image else None)


class PoolUpdate(BaseModel):
    """What to change of a pool; what is left out stays."""

    description: Title = Field(default_factory=str, description="The title.")
    detailed_description: Details = Field("", description="What it is for, at length.")
    hashtag: Hashtag = Field("", description="A hashtag, with or without the `#`.")
    contribution_options: Annotated[list[OptionChange], Field(max_length=50)] = Field(
        [], description="All that can be contributed from now on; an empty list takes all away."
    )
    currency: SupportedCurrency = Field(
        default_factory=str, description="The currency as it is: it cannot be changed."
    )
    invites: Annotated[list[UUID], Field(max_length=100)] = Field(
        [], description="Further users who are invited."
    )
    image: ImageInput | None = Field(None, description="A picture of it; null takes it away.")
    is_public: bool = Field(
        default_factory=bool, description="Whether everybody can see it, or only who is invited."
    )
    only_owner_sees_participants: bool = Field(
        default_factory=bool,
        description="Whether only the owner sees who takes part; others see themselves.",
    )
    has_unique_participants: bool = Field(
        default_factory=bool, description="Whether everybody can contribute only once."
    )
    allows_optional_amount: bool = Field(
        default_factory=bool,
        description="Whether people can choose an amount where there are options.",
    )
    minimum_user_amount: Amount | None = Field(
        None, description="The lowest amount that can be chosen; null for none."
    )
    maximum_user_amount: Amount | None = Field(
        None, description="The highest amount that can be chosen; null for none."
    )
    start_at: PoolTime = Field(None, description="The time from which on it takes money.")
    end_at: PoolTime = Field(None, description="The time at which it ends by itself.")
    meta: Meta = Field("", description="Text that the client owns.")

    def change(self) -> PoolChange:
        """As the domain knows it."""
        said: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "contribution_options" in said:
            options = said.pop("contribution_options")
            said["options"] = [NewOption(it.title, it.amount, it.id) for it in options]
        if "image" in said:
            image = said.pop("image")
            said["picture"] = image.picture() if image else None
        return PoolChange(**said)


class PoolInvitation(BaseModel):
    """Who is invited to a pool."""

    user_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] = Field(
        description="The users who are invited."
    )


class PoolExport(BaseModel):
    """Where the list of a pool's participants is to be sent."""

    email: Email = Field(description="The email address that gets the file.")
    format: Format = Field("csv", description="The format of the file.")


class PoolContribution(SharePayment):
    """A contribution to a pool (Memento, Contribute to a money pool)."""

    contribution_option_id: UUID | None = Field(
        None, description="The option, where one was selected."
    )
    amount: Amount | None = Field(
        None,
        validate_default=True,
        description="The amount that is paid; with an option it may be left out, or must be its.",
    )

    @field_validator("amount")
    @classmethod
    def _or_an_option(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if value is None and info.data.get("contribution_option_id", ...) is None:
            wrong("required", "is required")
        return value

    def share(self, pool_id: UUID) -> Contribution:
        """As the domain knows it."""
        return Contribution(pool_id, self.contribution_option_id, self.amount)
