"""Lists: the SQL of a query, tried on PostgreSQL, and nothing a client sends in its text."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from whipround.db.database import Database, Tx
from whipround.db.listing import (
    COMPARISONS,
    EQ,
    EQ_IN,
    EQ_LIKE,
    TIMES,
    Column,
    Condition,
    ListQuery,
    Order,
    Page,
    fragments,
)

COLUMNS: Mapping[str, Column] = {
    **TIMES,
    "name": Column("name", str, EQ_LIKE, sortable=True),
    "status": Column("status", str, EQ_IN, choices=("open", "closed")),
    "amount": Column("amount", Decimal, COMPARISONS, sortable=True),
    "public": Column("public", bool, EQ),
    "owner_id": Column("owner_id", UUID, EQ_IN),
    "owner": Column(None, bool, EQ),
}
OWNERS = [uuid4(), uuid4()]
START = datetime(2018, 1, 1, tzinfo=UTC)


def test_by_default_all_rows_newest_first() -> None:
    made = fragments(ListQuery(), COLUMNS)

    assert made.where == "true"
    assert made.order == "created_at desc, id desc"
    assert made.parameters == {"limit": 26, "offset": 0, "reach": 26}


def test_a_page_reaches_one_row_further_than_it_shows() -> None:
    made = fragments(ListQuery(page=Page(3, 10)), COLUMNS)

    assert made.parameters == {"limit": 11, "offset": 20, "reach": 31}


def test_the_tie_break_follows_the_last_direction() -> None:
    query = ListQuery(order=(Order("name", descending=True), Order("amount")))

    assert fragments(query, COLUMNS, tie_break="thing.id").order == (
        "name desc, amount asc, thing.id asc"
    )


def test_a_column_without_expression_is_left_to_the_query() -> None:
    query = ListQuery((Condition("owner", "eq", True), Condition("public", "eq", False)))

    assert query.value("owner") is True
    assert query.value("name") is None
    assert fragments(query, COLUMNS).where == "public = %(filter_0)s"


def test_nothing_sent_becomes_sql() -> None:
    query = ListQuery((Condition("name", "eq", "'; drop table users; --%(x)s"),))

    made = fragments(query, COLUMNS)

    assert made.where == "name = %(filter_0)s"
    assert made.parameters["filter_0"] == "'; drop table users; --%(x)s"


def test_an_unknown_field_never_gets_this_far() -> None:
    with pytest.raises(KeyError):
        fragments(ListQuery((Condition("pin", "eq", "1"),)), COLUMNS)
    with pytest.raises(KeyError):
        fragments(ListQuery(order=(Order("pin"),)), COLUMNS)


async def _fill(tx: Tx) -> None:
    await tx.execute("""
        create temporary table thing (
            id uuid, name text, status text, amount numeric, public boolean, owner_id uuid,
            created_at timestamptz, updated_at timestamptz
        ) on commit drop
    """)
    rows = [
        ("John Dough", "open", Decimal("10.5"), True, OWNERS[0]),
        ("100% Ann_a", "closed", Decimal(20), False, OWNERS[0]),
        ("back\\slash", "open", Decimal(30), False, OWNERS[1]),
    ]
    for days, row in enumerate(rows):
        time = START + timedelta(days=days)
        await tx.execute(
            "insert into thing values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (uuid7(), *row, time, time),
        )


async def _names(tx: Tx, query: ListQuery) -> list[str]:
    made = fragments(query, COLUMNS)
    text = (
        f"select name from thing where {made.where} order by {made.order}"
        " limit %(limit)s offset %(offset)s"
    )
    return [name for (name,) in await (await tx.execute(text.encode(), made.parameters)).fetchall()]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("name", "eq", "John Dough"), "J"),
        (("name", "like", "DOUGH"), "J"),
        (("name", "like", "%"), "1"),
        (("name", "like", "n_a"), "1"),
        (("name", "like", "\\"), "b"),
        (("name", "like", "_"), "1"),
        (("status", "eq", "open"), "bJ"),
        (("status", "in", ("open", "closed")), "b1J"),
        (("amount", "gt", Decimal("10.5")), "b1"),
        (("amount", "gte", Decimal("10.50")), "b1J"),
        (("amount", "lt", Decimal(20)), "J"),
        (("amount", "lte", Decimal(20)), "1J"),
        (("amount", "eq", Decimal("20.00")), "1"),
        (("public", "eq", True), "J"),
        (("owner_id", "eq", OWNERS[1]), "b"),
        (("owner_id", "in", tuple(OWNERS)), "b1J"),
        (("created_at", "gt", START), "b1"),
        (("created_at", "eq", START), "J"),
        (("updated_at", "lte", START + timedelta(days=1)), "1J"),
    ],
)
async def test_every_operator_on_postgresql(
    db: Database, condition: tuple[Any, Any, Any], expected: str
) -> None:
    async with db.transaction() as tx:
        await _fill(tx)

        names = await _names(tx, ListQuery((Condition(*condition),)))

    assert "".join(name[0] for name in names) == expected


@pytest.mark.anyio
async def test_conditions_add_up_and_pages_follow_each_other(db: Database) -> None:
    async with db.transaction() as tx:
        await _fill(tx)
        query = ListQuery(
            (Condition("status", "eq", "open"), Condition("amount", "lt", Decimal(30))),
            (Order("name"),),
        )

        assert await _names(tx, query) == ["John Dough"]
        # Each shows one row more than its page, of which there are two.
        assert [len(await _names(tx, ListQuery(page=Page(n, 2)))) for n in (1, 2, 3)] == [3, 1, 0]
