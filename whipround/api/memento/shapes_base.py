"""What all Memento objects have in common: how they become JSON.

Times are ISO 8601 UTC with Z, ids are UUIDs, amounts exact JSON numbers (`10.00`).
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec

from whipround.api.shapes import doc
from whipround.money import shown


class Shape(msgspec.Struct, gc=False):
    """An object of the API. Every field is `Annotated[type, doc("what it is")]`."""


# `encode` writes a Decimal as a number, which Litestar has to be told.
_NUMBER = {"extra": {"type": "number"}, "examples": [20.0]}

Amount: TypeAlias = Annotated[Decimal, msgspec.Meta(extra_json_schema=_NUMBER)]
"""An amount made with `amount`."""

Rate: TypeAlias = Annotated[
    Decimal, msgspec.Meta(extra_json_schema={"extra": {"type": "number"}, "examples": [1.0825]})
]
"""An exchange rate, as exact as it was applied."""

CREATED_AT: TypeAlias = Annotated[datetime, doc("The time when the object was created.")]
UPDATED_AT: TypeAlias = Annotated[datetime, doc("The time when the object was last changed.")]
ID: TypeAlias = Annotated[UUID, doc("The unique identifier.")]


amount = shown
"""What makes an Amount of one of the ledger's."""
