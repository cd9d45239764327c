"""Scripts as they come from outside: JSON of any size, depth and kind."""

from codecs import BOM_UTF8
from decimal import Decimal, InvalidOperation

import msgspec

from whipround.domain.scripts.problems import wrong
from whipround.errors import Message

MAX_BYTES = 1024 * 1024

_DECODER = msgspec.json.Decoder(float_hook=Decimal)

# What the decoder raises for bytes that are no JSON, text that is no UTF-8, nesting without end,
# and exponents that no Decimal can hold.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation)


def decoded(text: str | bytes, *, place: str) -> object:
    """What the JSON says; of a repeated name the last value counts.

    Numbers with a fraction or an exponent are `Decimal`s, others `int`s. Raises Invalid, saying so
    of `place`, for what is no JSON, and for more than 1 MiB of it.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_BYTES:
        raise wrong(place, "too_large", Message("must not be larger than 1 MiB"))
    try:
        found: object = _DECODER.decode(data.removeprefix(BOM_UTF8))
    except _UNREADABLE as error:
        raise wrong(place, "invalid", Message("is not valid JSON")) from error
    return found
