"""What the answers of all dialects have in common: how they are described, and become JSON."""

import msgspec


def doc(description: str) -> msgspec.Meta:
    """The description of a field, for the OpenAPI document."""
    return msgspec.Meta(description=description)


encode = msgspec.json.Encoder(decimal_format="number").encode
"""Any shape, or list of them, as JSON bytes; a Decimal becomes an exact number."""
