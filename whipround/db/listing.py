"""Lists: which rows, in which order, which page; and the SQL of it, over a whitelist of columns.

A dialect parses its own syntax into a `ListQuery`; the module that owns the noun names the columns
that may be asked for. What a client sends becomes parameters only, never SQL text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias, get_args
from uuid import UUID

Operator = Literal["eq", "gt", "gte", "lt", "lte", "in", "like"]
OPERATORS: frozenset[str] = frozenset(get_args(Operator))


class CurrencyCode(str):
    """The type of a column that holds ISO 4217 codes."""

    __slots__ = ()


Value: TypeAlias = str | bool | int | Decimal | datetime | UUID

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
MAX_DEPTH = 1_000_000
"""How far into a list one may page: a page's number times its limit."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `in` takes a tuple of values, every other operator a single one."""

    field: str
    operator: Operator
    value: Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """One field to sort by."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Which page, counted from 1, and how many rows a page has."""

    number: int = 1
    limit: int = DEFAULT_LIMIT

    @property
    def parameters(self) -> dict[str, int]:
        """Those of its slice, with one row more than the page has, so that a further page shows."""
        offset = (self.number - 1) * self.limit
        return Slice(offset=offset, limit=self.limit + 1).parameters


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list, where rows are counted and not pages: so many, after so many others."""

    offset: int = 0
    limit: int = MAX_LIMIT

    @property
    def parameters(self) -> dict[str, int]:
        """`limit`, `offset`, and `reach`, their sum: what each branch of a union has to yield."""
        return {"limit": self.limit, "offset": self.offset, "reach": self.offset + self.limit}


NEWEST_FIRST = (Order("created_at", descending=True),)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """All conditions must hold. `search` is free text, None if not asked for."""

    conditions: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = NEWEST_FIRST
    page: Page = Page()
    search: str | None = None

    def value(self, field: str) -> Value | tuple[Value, ...] | None:
        """What the field is compared with, if it is compared once; None if nothing is asked."""
        return next((it.value for it in self.conditions if it.field == field), None)


@dataclass(frozen=True, slots=True)
class Column:
    """A field that a list can be filtered by, and perhaps sorted by.

    `expression` is SQL of ours, valid wherever `fragments` is used; None for a field that the
    query itself takes care of (`ListQuery.value`), of which a dialect lets one condition through.
    `choices` are the values that exist, where they are few.
    """

    expression: str | None
    type: type[Value]
    operators: frozenset[Operator]
    choices: tuple[str, ...] = ()
    sortable: bool = False


EQ: frozenset[Operator] = frozenset({"eq"})
EQ_IN: frozenset[Operator] = frozenset({"eq", "in"})
EQ_LIKE: frozenset[Operator] = frozenset({"eq", "like"})
COMPARISONS: frozenset[Operator] = frozenset({"eq", "gt", "gte", "lt", "lte"})

TIMES: Mapping[str, Column] = {
    "created_at": Column("created_at", datetime, COMPARISONS, sortable=True),
    "updated_at": Column("updated_at", datetime, COMPARISONS, sortable=True),
}
"""What every list can be filtered and sorted by."""

_COMPARE: Mapping[Operator, str] = {
    "eq": "{} = %({})s",
    "gt": "{} > %({})s",
    "gte": "{} >= %({})s",
    "lt": "{} < %({})s",
    "lte": "{} <= %({})s",
    "in": "{} = any(%({})s)",
    "like": "{} ilike %({})s",
}

_ESCAPES = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def containing(text: str) -> str:
    """A pattern for `like` and `ilike` of what has the text in it, whatever characters it has."""
    return f"%{text.translate(_ESCAPES)}%"


@dataclass(frozen=True, slots=True)
class Fragments:
    """Pieces of SQL, and the parameters they name.

    `where` is a condition (`true` if there is none), `order` a list of expressions. Those of the
    page are among the parameters.
    """

    where: str
    order: str
    parameters: dict[str, Any]


def fragments(
    query: ListQuery, columns: Mapping[str, Column], *, tie_break: str = "id"
) -> Fragments:
    """The SQL of a query over `columns`.

    Rows equal in all that is sorted by follow `tie_break`, an expression unique among the rows, in
    the direction of the last field, so that one index serves both. Raises KeyError for a field that
    is not among the columns: a dialect has refused it before.
    """
    comparisons: list[str] = []
    parameters: dict[str, Any] = {}
    for condition in query.conditions:
        expression = columns[condition.field].expression
        if expression is not None:
            name = f"filter_{len(parameters)}"
            comparisons.append(_COMPARE[condition.operator].format(expression, name))
            parameters[name] = _parameter(condition)
    return Fragments(
        where=" and ".join(comparisons) or "true",
        order=_order_by(query.order, columns, tie_break),
        parameters=parameters | query.page.parameters,
    )


def _parameter(condition: Condition) -> Any:
    if condition.operator == "like":
        return containing(str(condition.value))
    return list(condition.value) if isinstance(condition.value, tuple) else condition.value


def _order_by(order: Iterable[Order], columns: Mapping[str, Column], tie_break: str) -> str:
    terms: list[str] = []
    direction = "desc"
    for item in order:
        direction = "desc" if item.descending else "asc"
        terms.append(f"{columns[item.field].expression} {direction}")
    return ", ".join([*terms, f"{tie_break} {direction}"])
