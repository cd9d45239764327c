"""What is in the mails that people get."""

from typing import Any

from tests.money import rows
from whipround.db.database import Database


async def mailed(db: Database, recipient: str, kind: str) -> list[dict[str, Any]]:
    """The data of the mails of one kind to an address, the oldest first: those that wait to be
    sent, and in a sandbox those that were."""
    found = await rows(
        db,
        "select data from (select id, channel, recipient, kind, data from outbox union all"
        " select id, channel, recipient, kind, data from sandbox_message)"
        " where channel = 'email' and recipient = %s and kind = %s order by id",
        recipient,
        kind,
    )
    return [data for (data,) in found]


async def last_link(db: Database, recipient: str) -> dict[str, Any]:
    """The token and the address in the newest link that confirms an email."""
    return (await mailed(db, recipient, "email_confirmation"))[-1]


async def last_reset_token(db: Database, recipient: str) -> str:
    """The token in the newest mail that lets set a new password."""
    return str((await mailed(db, recipient, "password_reset"))[-1]["token"])


async def last_token(db: Database, recipient: str, kind: str) -> str:
    """The token in the newest mail of this kind."""
    return str((await mailed(db, recipient, kind))[-1]["token"])
