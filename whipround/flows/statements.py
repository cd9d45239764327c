"""Codes on bank statements: the smallest payout there is, whose text is the code.

What the processor knows an account by is a secret, so it is not in the message: it is looked up
when the message goes out.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from babel.numbers import get_territory_currencies

from whipround.db.database import Database
from whipround.domain.funding import statements
from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    Outcome,
    Outgoing,
    outcome_of,
)
from whipround.gateways.processors.protocol import Payout, Processor, ProcessorError
from whipround.keyring import Keyring

_NOBODY = UUID(int=0)
"""Stands for the product of a payout that no call of ours waits for."""


_GREAT_BRITAIN = {"UK": "GB"}
"""A country is shown as it was given."""


class StatementGateway:
    """Puts messages on the statements of bank accounts. Cards are verified by their processor.

    What it costs is not in the books: it leaves the operator's own money at the processor.
    """

    def __init__(self, db: Database, *, keyring: Keyring, processor: Processor) -> None:
        self._db = db
        self._keyring = keyring
        self._processor = processor

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Pay out once for each message, however often it is tried."""
        return await asyncio.gather(*(outcome_of(self._send, message) for message in messages))

    async def _send(self, message: Outgoing) -> None:
        async with self._db.of(message.product).transaction() as tx:
            account = await statements.find(tx, source_id=UUID(message.recipient))
        if account is None:
            raise DeliveryRefused("there is no such bank account any more")
        currency = _currency(account.country)
        if currency is None:
            raise DeliveryRefused(f"there is no money of the country {account.country}")
        try:
            payout = Payout(
                key=message.id,
                product_id=_NOBODY,
                reference=self._keyring.unseal(account.id, account.sealed),
                amount=self._processor.least_payout(currency),
                description=message.body,
            )
            # A processor forgets a key before we give up: what it did is asked for first.
            outcome = await self._processor.find(payout) or await self._processor.pay_out(payout)
        except ProcessorError as error:
            raise DeliveryFailed(f"the processor: {type(error).__name__}") from None
        if outcome.status == "declined":
            raise DeliveryRefused(f"the processor declined it: {outcome.error_code}")


def _currency(country: str) -> str | None:
    """What is paid with in a country, named by its ISO 3166 code; None where nothing is.

    Where there are several, the country's own, which is named first.
    """
    currencies = get_territory_currencies(_GREAT_BRITAIN.get(country, country))
    return next(iter(currencies), None)
