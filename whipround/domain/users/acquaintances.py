"""Who may see whom by a mere number (Moneypool, Get a User).

Numbers can be counted through, so that only people who have had to do with each other see each
other: by a payment that has arrived, by a request, or in a pool, of the one currency that Moneypool
has. Who pays by a script sees nobody by it: a thousand people can be paid next to nothing at once.
"""

from uuid import UUID

from whipround.db.database import Tx
from whipround.domain import relationships
from whipround.domain.relationships import PersonNotFound
from whipround.domain.users import person
from whipround.domain.users.person import User

# Each is asked only where none before it was so. They are counted, as whoever looks for one of many
# that are expected, of two people with very many, walks through everybody's where there is none. Of
# a pool whose owner alone sees who takes part, the others know only the owner.
_KNOWS = """
    select (
            select count(*) from payment
            where owner_id = %(user_id)s and recipient_user_id = %(other_id)s
                and kind = 'payment' and recipient_status = 'paid' and currency = %(currency)s
                and not exists (select from crowd_share where payment_id = payment.id)
        ) > 0 or (
            select count(*) from payment
            where owner_id = %(other_id)s and recipient_user_id = %(user_id)s
                and kind = 'payment' and recipient_status = 'paid' and currency = %(currency)s
        ) > 0 or (
            select count(*) from request_participant
                join payment_request on payment_request.id = request_id
            where user_id = %(other_id)s and owner_id = %(user_id)s and currency = %(currency)s
        ) > 0 or (
            select count(*) from request_participant
                join payment_request on payment_request.id = request_id
            where user_id = %(user_id)s and owner_id = %(other_id)s and currency = %(currency)s
        ) > 0 or (
            select count(*) from pool join pool_participant on pool_id = pool.id
            where owner_id = %(user_id)s and user_id = %(other_id)s and is_first
                and currency = %(currency)s
        ) > 0 or (
            select count(*) from pool join pool_participant on pool_id = pool.id
            where owner_id = %(other_id)s and user_id = %(user_id)s and is_first
                and currency = %(currency)s
        ) > 0 or (
            select count(*) from pool_participant as own
                join pool_participant as others using (pool_id)
                join pool on pool.id = pool_id
            where own.user_id = %(user_id)s and own.is_first
                and others.user_id = %(other_id)s and others.is_first
                and currency = %(currency)s and not only_owner_sees_participants
        ) > 0
"""


async def knows(tx: Tx, *, user_id: UUID, other_id: UUID, currency: str) -> bool:
    """Whether two people have had to do with each other, and the other has not blocked the user."""
    if not await relationships.is_visible(tx, viewer_id=user_id, user_id=other_id):
        return False
    values = {"user_id": user_id, "other_id": other_id, "currency": currency}
    [[known]] = await (await tx.execute(_KNOWS, values)).fetchall()
    return bool(known)


async def get(tx: Tx, *, viewer_id: UUID, number: int, currency: str) -> User:
    """The user of this number as an acquaintance sees them; raises PersonNotFound."""
    found = await person.find_by_number(tx, number=number)
    if not await knows(tx, user_id=viewer_id, other_id=found.id, currency=currency):
        raise PersonNotFound
    return found
