"""Which funding sources a person can collect money with: that of a request, or of a pool.

What is paid always lands in the wallet first; from there it goes on to a bank account.
"""

from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.funding.wallet import BANK_ACCOUNT, WALLET
from whipround.errors import Invalid

# Whoever deletes it waits, and then sees that it receives; payments do not.
_SHARE = """
    select type, allows_in and status = 'enabled'
    from funding_source
    where id = %(id)s and user_id = %(user_id)s and deleted_at is null
    for share
"""


async def check(
    tx: Tx, *, user_id: UUID, funding_source_id: UUID, field: str = "funding_source_id"
) -> None:
    """Make sure that the source is the person's own, and can receive; it stays so until `tx` ends.

    It has to be enabled, and the wallet or a bank account. Raises Invalid naming `field`.
    """
    values = {"id": funding_source_id, "user_id": user_id}
    row = await (await tx.execute(_SHARE, values)).fetchone()
    if row is None:
        raise Invalid.field(field, "not_found", "You have no such funding source")
    kind, receives = row
    if kind not in {WALLET, BANK_ACCOUNT}:
        raise Invalid.field(field, "unsupported", "Only a wallet or a bank account can receive")
    if not receives:
        raise Invalid.field(field, "invalid", "This funding source is not enabled")
