"""What processors tell us of their own accord: `POST /webhooks/stripe`.

A webhook only hints that there is something new about a call, or a cash order. What it is, we ask
the processor ourselves: so one that is repeated, late or out of order does no harm.
"""

import logging
from datetime import UTC, datetime

from whipround.api.bodies import BodyTooLarge, Malformed, read
from whipround.api.context import Rendered
from whipround.api.services import Directory, UnknownProduct
from whipround.api.types import App, Receive, Scope, Send
from whipround.db.batch import TRANSIENT
from whipround.errors import NotFound
from whipround.flows import calls, cash
from whipround.gateways.processors.protocol import BadSignature, Hint, ProcessorError, ReadHint

logger = logging.getLogger(__name__)

STRIPE = "/webhooks/stripe"

_HEARD = Rendered(200, b'{"received":true}')
_REFUSED = Rendered(400, b'{"received":false}')
_NOT_FOUND = Rendered(404)
_WRONG_METHOD = Rendered(405, b"", ((b"allow", b"POST"),))
_TOO_LARGE = Rendered(413)
# Whoever is told this tells us again.
_LATER = Rendered(503, b"", ((b"retry-after", b"60"),))


def webhooks(directory: Directory, *, stripe: ReadHint | None) -> App:
    """The routes of webhooks; that of a processor which is not set up does not exist."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != STRIPE or stripe is None:
            rendered = _NOT_FOUND
        elif scope["method"] != "POST":
            rendered = _WRONG_METHOD
        else:
            rendered = await _hear(directory, stripe, scope, receive)
        await rendered.send(send)

    return answer


async def _hear(
    directory: Directory, read_hint: ReadHint, scope: Scope, receive: Receive
) -> Rendered:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    try:
        body = await read(receive, headers)
        hint = read_hint(body, headers.get(b"stripe-signature", b"").decode("latin-1"))
    except BodyTooLarge:
        return _TOO_LARGE
    except Malformed:
        return _REFUSED
    except BadSignature:
        logger.warning("a webhook came with a bad signature, or an old one")
        return _REFUSED
    return _HEARD if hint is None else await _follow(directory, hint)


async def _follow(directory: Directory, hint: Hint) -> Rendered:
    """Ask about the call, or the cash order, and record what there is."""
    try:
        product_id = str(hint.product_id).encode()
        services = directory.find(product_id, None) or await directory.ask(product_id, None)
        now = datetime.now(UTC)
        if hint.about == "cash":
            await cash.resolve(services.desk, services.payments, hint.id, now=now)
        else:
            await calls.resolve(services.desk, hint.id, now=now)
    except (UnknownProduct, NotFound):
        logger.info("a webhook is about nothing of ours")
    except (ProcessorError, *TRANSIENT) as error:
        logger.warning("a webhook cannot be followed now: %r", error)
        return _LATER
    except Exception:
        # It would be no better another time. What the call has come to, the sweep asks as well.
        logger.exception("a webhook could not be followed")
    return _HEARD
