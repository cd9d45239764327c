"""Participants of pools go out as files: claim and commit, make the file, mail it, record.

A crash between any two steps only delays a file, and may repeat it.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from whipround.db import outbox
from whipround.db.database import Database
from whipround.db.outbox import Message as OutboxMessage
from whipround.domain.pools import exports
from whipround.domain.pools.exports import Export, Row
from whipround.errors import Message
from whipround.flows.deliveries import LAST_ATTEMPT, retry_after
from whipround.gateways.messages.protocol import (
    Attachment,
    DeliveryRefused,
    Gateway,
    Outcome,
    Outgoing,
)
from whipround.gateways.messages.templates import render
from whipround.gateways.sheets import Cell, CsvSheet, ExcelSheet, File, Sheet
from whipround.locales import translate
from whipround.money import digits, round_to_currency

logger = logging.getLogger(__name__)

KIND = "pool_export"
"""The name of the mail's text."""

LEASE = timedelta(minutes=10)
"""How long a claimed export is left alone: a million participants take about two."""

_NAME = Message("participants")
"""What the file is called."""

_HEADINGS = (
    Message("Name"),
    Message("Username"),
    Message("Status"),
    Message("Amount"),
    Message("Currency"),
    Message("Option"),
    Message("Transaction"),
    Message("Created at (UTC)"),
    Message("Updated at (UTC)"),
)


@dataclass(frozen=True)
class ExportLane:
    """The exports of a product, one after the other; `gateway` mails them.

    Without one, in a sandbox, the mail is kept with a note of what was attached to it.
    """

    gateway: Gateway | None
    name: str = "exports"
    gather_seconds: float = 1.0

    async def deliver_some(self, db: Database, *, now: datetime) -> bool:
        """Make and hand over one file; whether there may be more."""
        async with db.transaction() as tx:
            export = await exports.claim(tx, now=now, leased_until=now + LEASE)
        if export is None:
            return False
        if export.attempts > LAST_ATTEMPT:
            given_up = DeliveryRefused("the last attempt ended without an outcome")
            await _record(db, export, given_up, now=now)
            return True
        file = await make_file(db, export)
        if self.gateway is None:
            await _keep(db, export, file, now=now)
        else:
            [outcome] = await self.gateway.send([_compose(export, file, product=db.schema)])
            await _record(db, export, outcome, now=now)
        return True


async def make_file(db: Database, export: Export) -> File:
    """The file of an export, with all who take part in the pool now, in the order they came."""
    sheet = await asyncio.to_thread(_sheet, export)
    try:
        async with aclosing(exports.rows(db, pool_id=export.pool_id)) as found:
            async for rows in found:
                await asyncio.to_thread(_add, sheet, rows, export.currency)
        return await asyncio.to_thread(sheet.finish)
    finally:
        await asyncio.to_thread(sheet.close)


def _sheet(export: Export) -> Sheet:
    name = translate(_NAME, export.locale)
    headings = [translate(heading, export.locale) for heading in _HEADINGS]
    if export.format == "csv":
        return CsvSheet(name, headings)
    return ExcelSheet(name, headings, decimals=digits(export.currency))


def _add(sheet: Sheet, rows: Sequence[Row], currency: str) -> None:
    sheet.add(_cells(row, currency) for row in rows)


def _cells(row: Row, currency: str) -> tuple[Cell, ...]:
    amount = None if row.amount is None else round_to_currency(row.amount, currency)
    return (
        row.full_name,
        row.username,
        row.status,
        amount,
        currency,
        row.option,
        None if row.transaction_id is None else str(row.transaction_id),
        row.created_at,
        row.updated_at,
    )


def _compose(export: Export, file: File, *, product: str) -> Outgoing:
    text = render(kind=KIND, channel="email", locale=export.locale, data={"owner": export.owner})
    return Outgoing(
        id=export.id,
        product=product,
        channel="email",
        recipient=export.email,
        subject=text.subject,
        body=text.body,
        created_at=export.created_at,
        attachment=Attachment(*file),
    )


async def _keep(db: Database, export: Export, file: File, *, now: datetime) -> None:
    """Put the mail where a sandbox's mails are, without the file."""
    note = {
        "name": file.name,
        "content_type": file.content_type,
        "size_bytes": len(file.content),
    }
    data = {"owner": export.owner, "attachment": note}
    mail = OutboxMessage("email", export.email, KIND, export.locale, data)
    async with db.transaction() as tx:
        await exports.sent(tx, export=export, now=now)
        await outbox.put(tx, [mail], now=now)


async def _record(db: Database, export: Export, outcome: Outcome, *, now: datetime) -> None:
    async with db.transaction() as tx:
        if outcome is None:
            await exports.sent(tx, export=export, now=now)
            return
        retry = retry_after(
            outcome, attempts=export.attempts, created_at=export.created_at, now=now
        )
        await exports.not_sent(tx, export=export, **retry._asdict())
    logger.warning("%s: export %s could not be sent: %s", db.schema, export.id, retry.error)
