"""Memento, "Filtering": the whole of its syntax, and every wrong piece of it named."""

import contextlib
import string
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whipround.api.memento.filtering import MAX_CONDITIONS, MAX_VALUES, parse
from whipround.db.listing import (
    COMPARISONS,
    EQ,
    EQ_IN,
    EQ_LIKE,
    MAX_DEPTH,
    NEWEST_FIRST,
    OPERATORS,
    TIMES,
    Column,
    Condition,
    CurrencyCode,
    ListQuery,
    Order,
    Page,
    Value,
)
from whipround.errors import Invalid

COLUMNS = {
    **TIMES,
    "name": Column("name", str, EQ_LIKE, sortable=True),
    "status": Column("status", str, EQ_IN, choices=("open", "closed")),
    "owner": Column(None, bool, EQ),
    "id": Column("id", UUID, EQ_IN),
    "amount": Column("amount", Decimal, COMPARISONS | {"in"}, sortable=True),
    "count": Column("count", int, COMPARISONS),
    "currency": Column("currency", CurrencyCode, EQ),
}
ID = UUID("d4097613-3b63-4dbb-befe-2211b9dc821a")


def ask(**parameters: str) -> ListQuery:
    return parse(urlencode(parameters).encode(), COLUMNS, searchable=True)


def conditions(text: str) -> tuple[Condition, ...]:
    return ask(filter=text).conditions


def errors_of(query_string: str | bytes, *, searchable: bool = True) -> dict[str, str]:
    raw = query_string if isinstance(query_string, bytes) else query_string.encode()
    with pytest.raises(Invalid) as caught:
        parse(raw, COLUMNS, searchable=searchable)
    assert all(error.message for error in caught.value.errors)
    return {error.field: error.code for error in caught.value.errors}


def test_nothing_asked() -> None:
    assert parse(b"", COLUMNS) == ListQuery((), NEWEST_FIRST, Page(1, 25), None)


def test_the_sample_of_the_document_as_printed() -> None:
    query = parse(
        b"filter=status:in:[open;closed],created_at:lt:2018-01-01,name:like:john&sort=name:asc",
        COLUMNS,
    )

    assert query == ListQuery(
        (
            Condition("status", "in", ("open", "closed")),
            Condition("created_at", "lt", datetime(2018, 1, 1, tzinfo=UTC)),
            Condition("name", "like", "john"),
        ),
        (Order("name"),),
    )


def test_the_sample_of_the_first_draft_as_printed() -> None:
    query = parse(
        b"filter=status:in:[open,closed],created_at:lt:2018-01-01,name:like:john&sort=name:asc",
        COLUMNS,
    )

    assert [it.field for it in query.conditions] == ["status", "created_at", "name"]
    assert query.value("status") == ("open", "closed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status:eq:open", Condition("status", "eq", "open")),
        ("status:in:[open]", Condition("status", "in", ("open",))),
        ("status:in:[ open ; closed ]", Condition("status", "in", ("open", "closed"))),
        ("owner:eq:true", Condition("owner", "eq", True)),
        ("owner:eq:false", Condition("owner", "eq", False)),
        (f"id:in:[{ID};{ID}]", Condition("id", "in", (ID, ID))),
        (f"id:eq:{str(ID).upper()}", Condition("id", "eq", ID)),
        ("amount:gte:10.50", Condition("amount", "gte", Decimal("10.50"))),
        ("amount:in:[1;-2]", Condition("amount", "in", (Decimal(1), Decimal(-2)))),
        ("currency:eq:EUR", Condition("currency", "eq", "EUR")),
        ("count:lte:-3", Condition("count", "lte", -3)),
        ("name:like:a:b:c", Condition("name", "like", "a:b:c")),
        ("name:eq:[x", Condition("name", "eq", "[x")),
        ("name:eq:all", Condition("name", "eq", "all")),
        (
            "created_at:gt:2018-01-01 12:30:15",
            Condition("created_at", "gt", datetime(2018, 1, 1, 12, 30, 15, tzinfo=UTC)),
        ),
        (
            "updated_at:lt:2018-01-01T12:30:15.5Z",
            Condition("updated_at", "lt", datetime(2018, 1, 1, 12, 30, 15, 500_000, UTC)),
        ),
        (
            "created_at:eq:2018-01-01T12:30:00+02:00",
            Condition("created_at", "eq", datetime(2018, 1, 1, 10, 30, tzinfo=UTC)),
        ),
    ],
)
def test_conditions(text: str, expected: Condition) -> None:
    assert conditions(text) == (expected,)


def test_a_plus_that_nobody_escaped_is_put_back() -> None:
    query = parse(b"filter=created_at:eq:2018-01-01T12:30:00+02:00", COLUMNS)

    assert query.value("created_at") == datetime(2018, 1, 1, 10, 30, tzinfo=UTC)


def test_all_is_no_filter() -> None:
    assert conditions("status:eq:all") == ()
    assert conditions("status:in:[open;all]") == ()


def test_blanks_and_empty_pieces_are_nothing() -> None:
    assert conditions(" , owner:eq:true ,, ") == (Condition("owner", "eq", True),)
    assert ask(sort=" , name ,", search="  ") == ListQuery(order=(Order("name"),))


def test_repeated_parameters_add_up() -> None:
    query = parse(b"filter=owner:eq:true&filter=status:eq:open&sort=name&sort=amount", COLUMNS)

    assert len(query.conditions) == 2
    assert query.order == (Order("name"), Order("amount"))


def test_other_fields_can_be_given_more_than_once() -> None:
    assert conditions("count:gt:1,count:lt:9") == (
        Condition("count", "gt", 1),
        Condition("count", "lt", 9),
    )


def test_sorting() -> None:
    assert ask(sort="created_at:desc,name:asc,amount").order == (
        Order("created_at", descending=True),
        Order("name"),
        Order("amount"),
    )


def test_paging_and_searching() -> None:
    assert ask(page="3", limit="100", search=" john ") == ListQuery(
        page=Page(3, 100), search="john"
    )
    assert ask(page="10000", limit="100").page == Page(10_000, 100)


def test_what_the_document_does_not_name_is_left_alone() -> None:
    assert parse(b"since=2018-01-01&x&=", COLUMNS) == ListQuery()


@pytest.mark.parametrize(
    ("query_string", "expected"),
    [
        ("filter=pin:eq:1234", {"filter.pin": "unsupported"}),
        ("filter=garbage", {"filter.garbage": "unsupported"}),
        ("filter=:::", {"filter": "unsupported"}),
        ("filter=currency:eq:XXQ", {"filter.currency": "invalid"}),
        ("filter=currency:eq:eur", {"filter.currency": "invalid"}),
        ("filter=currency:eq:%25", {"filter.currency": "invalid"}),
        ("filter=owner:eq:true,owner:eq:false", {"filter.owner": "invalid"}),
        ("filter=owner:eq:true&filter=owner:eq:true", {"filter.owner": "invalid"}),
        ("filter=name", {"filter.name": "unsupported"}),
        ("filter=name:gt:a", {"filter.name": "unsupported"}),
        ("filter=name:is:a", {"filter.name": "unsupported"}),
        ("filter=name:in:[a]", {"filter.name": "unsupported"}),
        ("filter=name:like:", {"filter.name": "invalid"}),
        ("filter=name:eq:%00", {"filter.name": "invalid"}),
        ("filter=name:eq:" + "x" * 201, {"filter.name": "invalid"}),
        ("filter=status:eq:lost", {"filter.status": "invalid"}),
        ("filter=status:in:open", {"filter.status": "invalid"}),
        ("filter=status:in:[]", {"filter.status": "invalid"}),
        ("filter=status:in:[open;]", {"filter.status": "invalid"}),
        ("filter=status:in:[open,owner:eq:true", {"filter.status": "invalid"}),
        (
            "filter=id:in:[" + ";".join([str(ID)] * (MAX_VALUES + 1)) + "]",
            {"filter.id": "too_long"},
        ),
        ("filter=owner:eq:1", {"filter.owner": "invalid"}),
        ("filter=id:eq:x", {"filter.id": "invalid"}),
        ("filter=amount:eq:NaN", {"filter.amount": "invalid"}),
        ("filter=amount:eq:1e5", {"filter.amount": "invalid"}),
        ("filter=count:eq:1.5", {"filter.count": "invalid"}),
        ("filter=created_at:eq:yesterday", {"filter.created_at": "invalid"}),
        ("filter=" + ",".join(["owner:eq:true"] * (MAX_CONDITIONS + 1)), {"filter": "too_long"}),
        ("sort=status", {"sort": "unsupported"}),
        ("sort=name,name:desc", {"sort": "unsupported"}),
        ("sort=name:down", {"sort": "invalid"}),
        ("page=0", {"page": "too_small"}),
        ("page=-1", {"page": "too_small"}),
        ("page=", {"page": "invalid"}),
        ("page=1.5", {"page": "invalid"}),
        ("page=1_0", {"page": "invalid"}),
        ("page=" + "9" * 5000, {"page": "invalid"}),
        (f"page={MAX_DEPTH}&limit=2", {"page": "too_large"}),
        ("limit=0", {"limit": "too_small"}),
        ("limit=101", {"limit": "too_large"}),
        ("limit=ten", {"limit": "invalid"}),
        ("search=" + "x" * 201, {"search": "too_long"}),
        ("search=%07", {"search": "invalid"}),
        ("filter=%ff", {"query": "invalid"}),
        (b"filter=\xff", {"query": "invalid"}),
        ("&".join(["a=1"] * 51), {"query": "too_long"}),
    ],
)
def test_what_is_wrong_is_named(query_string: str | bytes, expected: dict[str, str]) -> None:
    assert errors_of(query_string) == expected


def test_everything_wrong_is_named_at_once() -> None:
    assert errors_of("filter=pin:eq:1,owner:eq:2&sort=x&page=0&limit=0&search=%07") == {
        "filter.pin": "unsupported",
        "filter.owner": "invalid",
        "sort": "unsupported",
        "page": "too_small",
        "limit": "too_small",
        "search": "invalid",
    }


def test_what_cannot_be_searched_says_so() -> None:
    assert errors_of("search=john", searchable=False) == {"search": "unsupported"}


@given(st.binary() | st.text(alphabet=st.characters(codec="ascii")).map(str.encode))
def test_whatever_is_sent_is_parsed_or_refused(query_string: bytes) -> None:
    with contextlib.suppress(Invalid):
        parse(query_string, COLUMNS, searchable=True)


_NAMES = st.sampled_from([*COLUMNS, "pin", ""])
_OPERATORS = st.sampled_from([*OPERATORS, "is", ""])
_VALUES = st.text(alphabet=string.printable) | st.sampled_from(["[a;b]", "true", "2018-01-01", "["])
_PIECES = st.builds("{}:{}:{}".format, _NAMES, _OPERATORS, _VALUES)


@given(st.lists(_PIECES, max_size=5), st.text(), st.text(), st.text())
def test_whatever_is_filtered_by_is_parsed_or_refused(
    pieces: list[str], sort: str, page: str, limit: str
) -> None:
    asked = {"filter": ",".join(pieces), "sort": sort, "page": page, "limit": limit}
    with contextlib.suppress(Invalid):
        parse(urlencode(asked).encode(), COLUMNS)


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else f"{value}"


def written(query: ListQuery) -> bytes:
    """A query as a client writes it."""
    parts = []
    for it in query.conditions:
        values = it.value if isinstance(it.value, tuple) else (it.value,)
        text = ";".join(map(_written, values))
        parts.append(f"{it.field}:{it.operator}:{f'[{text}]' if it.operator == 'in' else text}")
    order = [f"{it.field}:{'desc' if it.descending else 'asc'}" for it in query.order]
    asked = {"filter": ",".join(parts), "sort": ",".join(order)}
    asked |= {"page": str(query.page.number), "limit": str(query.page.limit)}
    asked |= {"search": query.search} if query.search else {}
    return urlencode(asked, quote_via=quote).encode()


_TEXT = st.text(
    alphabet=string.ascii_letters + string.digits + " :;%&+='\"_\\éß☕", min_size=1, max_size=50
).filter(lambda text: text == text.strip())
_TYPED: dict[type, st.SearchStrategy[Value]] = {
    str: _TEXT,
    bool: st.booleans(),
    int: st.integers(-(10**17), 10**17),
    CurrencyCode: st.sampled_from(["EUR", "MXN"]),
    Decimal: st.decimals(-(10**9), 10**9, places=3),
    UUID: st.uuids(),
    datetime: st.datetimes(timezones=st.just(UTC)),
}


@st.composite
def _conditions(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from(sorted(COLUMNS)))
    column = COLUMNS[field]
    operator = draw(st.sampled_from(sorted(column.operators)))
    typed = st.sampled_from(column.choices) if column.choices else _TYPED[column.type]
    one: Value = draw(typed)
    if operator == "in":
        return Condition(field, operator, tuple(draw(st.lists(typed, min_size=1, max_size=5))))
    return Condition(field, operator, one)


def _asks_once(asked: list[Condition]) -> bool:
    return [it.field for it in asked].count("owner") < 2


_ORDERS = st.lists(
    st.builds(Order, st.sampled_from([n for n, c in COLUMNS.items() if c.sortable]), st.booleans()),
    min_size=1,
    unique_by=lambda order: order.field,
)
_QUERIES = st.builds(
    ListQuery,
    st.lists(_conditions(), max_size=5).filter(_asks_once).map(tuple),
    _ORDERS.map(tuple),
    st.builds(Page, st.integers(1, 10_000), st.integers(1, 100)),
    st.none() | _TEXT,
)


@given(_QUERIES)
def test_what_is_written_is_what_is_read(query: ListQuery) -> None:
    assert parse(written(query), COLUMNS, searchable=True) == query
