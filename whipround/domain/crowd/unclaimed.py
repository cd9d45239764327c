"""Shares, and other payments, that wait to be claimed: their payer takes them back.

Lock order, as everywhere: payees, what waits for them, then accounts.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import claims, payees, throttles
from whipround.domain.numbers import can_be
from whipround.domain.payees import Address
from whipround.domain.throttles import Charge
from whipround.keyring import Keyring

# What waits returns to its payer's wallet, and is found there: numbers have no index.
_WAITING = """
    select holding.id, payee.kind, payee.address
    from holding
        join payment on payment.id = holding.object_id
        join payee on payee.id = holding.payee_id
    where holding.source_id = %(wallet_id)s and holding.status = 'held'
        and payment.owner_id = %(payer_id)s and payment.number = any(%(numbers)s)
"""


async def revoke(
    tx: Tx,
    *,
    payer_id: UUID,
    wallet_id: UUID,
    numbers: Collection[int],
    keyring: Keyring,
    now: datetime,
    limit_multiplier: int = 1,
) -> int:
    """Return payments of the payer's that still wait; how many (Mobbr, Revoke unclaimed shares).

    They are shares, or whole payments to an address that nobody has proven, of whichever dialect;
    `wallet_id` is the payer's. All others are passed over: claimed, returned, somebody else's or
    unknown, and what is on its way to whoever has proven the address meanwhile. Whoever was told
    that money waits is not told again: it is as if it had expired.

    Raises Throttled: who could pay and revoke without end could have anybody written to, for
    nothing.
    """
    wanted = {
        "payer_id": payer_id,
        "wallet_id": wallet_id,
        "numbers": [number for number in set(numbers) if can_be(number)],
    }
    found = await (await tx.execute(_WAITING, wanted)).fetchall()
    if not found:
        return 0
    addresses: Sequence[Address] = [(kind, address) for _, kind, address in found]
    locked = await payees.lock_payees(tx, addresses, now=now)
    nobodys = {payee.id for payee in locked if payee.user_id is None}
    ids = [id_ for id_, _, _ in found]
    held = [each for each in await payees.lock_those_held(tx, ids=ids) if each.payee_id in nobodys]
    if not held:
        return 0
    kinds = {id_: kind for id_, kind, _ in found}
    weight = sum(throttles.PHONE_WEIGHT if kinds[each.id] == "phone" else 1 for each in held)
    limit = throttles.SHARES_REVOKED_PER_USER
    # However much it is: the first that is taken back in a day can be.
    charge = Charge(limit, str(payer_id), min(weight, limit.count))
    await throttles.charge(tx, [charge], keyring=keyring, now=now, multiplier=limit_multiplier)
    await claims.give_back(tx, held, reason="revoked", now=now)
    return len(held)
