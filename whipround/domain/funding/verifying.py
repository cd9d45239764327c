"""The code on the statement of a card or a bank account proves whose it is."""

import hmac
from datetime import datetime
from uuid import UUID

from whipround.db.database import Tx
from whipround.domain.funding import reading
from whipround.domain.funding.reading import FundingSource
from whipround.errors import Declined
from whipround.keyring import Keyring

CODE_TRIES = 5


class InvalidCode(Declined):
    """The code is wrong."""

    code = "invalid_code"


class TooManyAttempts(Declined):
    """There were too many wrong codes; the funding source is rejected."""

    code = "too_many_attempts"


class CodeExpired(Declined):
    """The code is too old; add the funding source anew."""

    code = "code_expired"


_CODE = """
    select code_digest, code_attempts, code_expires_at from funding_source where id = %(id)s
"""

_COUNT = """
    update funding_source set code_attempts = code_attempts + 1 where id = %(id)s
"""

_VERIFIED = """
    with account as (
        update bank_account set enabled = true, updated_at = %(now)s
        where funding_source_id = %(id)s
    )
    update funding_source
    set status = 'enabled', verified_at = %(now)s, code_digest = null, code_expires_at = null,
        updated_at = %(now)s
    where id = %(id)s
"""

_REJECTED = """
    with gone as (
        update card set status = 'rejected', updated_at = %(now)s
        where funding_source_id = %(id)s
    )
    update funding_source
    set status = 'rejected', code_attempts = code_attempts + 1, code_digest = null,
        code_expires_at = null, updated_at = %(now)s
    where id = %(id)s
"""


async def verify(
    tx: Tx, *, user_id: UUID, id_: UUID, code: str, keyring: Keyring, now: datetime
) -> FundingSource | Declined:
    """Bring the code of a funding source; the source, verified and enabled.

    A wrong code is returned, not raised, as it must count: InvalidCode, and TooManyAttempts for the
    fifth one, which rejects the source, and for any after it. So is CodeExpired. Where no code was
    sent, none is right; what is verified already stays so. Raises FundingSourceNotFound.
    """
    found = await reading.lock(tx, user_id=user_id, id_=id_)
    if found.verified_at is not None:
        return found
    [[digest, attempts, expires_at]] = await (await tx.execute(_CODE, {"id": id_})).fetchall()
    if digest is None:
        return TooManyAttempts() if attempts >= CODE_TRIES else InvalidCode()
    if expires_at <= now:
        return CodeExpired()
    if hmac.compare_digest(digest, keyring.code(id_, code)):
        await tx.execute(_VERIFIED, {"id": id_, "now": now})
        return await reading.get(tx, user_id=user_id, id_=id_)
    if attempts + 1 < CODE_TRIES:
        await tx.execute(_COUNT, {"id": id_})
        return InvalidCode()
    await tx.execute(_REJECTED, {"id": id_, "now": now})
    return TooManyAttempts()
