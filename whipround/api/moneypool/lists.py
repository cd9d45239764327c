"""Lists in answers: which page is wanted, and links to the pages around it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

from whipround.api.handling import Reply
from whipround.api.moneypool.call import MOST_PER_PAGE, Request
from whipround.api.paging import links
from whipround.db.listing import MAX_DEPTH, Page
from whipround.errors import FieldError, Invalid, Message

Row = TypeVar("Row")
Shape = TypeVar("Shape")

_NUMBER = re.compile("[0-9]+", re.ASCII)
_MOST_DIGITS = 9


def wanted(request: Request) -> Page:
    """The page that is asked for by `page` and `per_page`: the first one, of 100, if nothing is.

    Whatever else is in the query string is left alone. Raises Invalid.
    """
    query_string = request.call.query_string.decode("latin-1")
    given = dict(parse_qsl(query_string, keep_blank_values=True))
    errors: list[FieldError] = []
    limit = _whole(given, "per_page", MOST_PER_PAGE, most=MOST_PER_PAGE, errors=errors)
    number = _whole(given, "page", 1, most=MAX_DEPTH // limit, errors=errors)
    if errors:
        raise Invalid(errors)
    return Page(number, limit)


def _whole(
    given: Mapping[str, str], name: str, default: int, *, most: int, errors: list[FieldError]
) -> int:
    """A number from 1 to `most`; what is wrong with it is added to the errors."""
    if name not in given:
        return default
    if not _NUMBER.fullmatch(given[name]):
        errors.append(FieldError(name, "invalid", "must be a whole number"))
    elif not (digits := given[name].lstrip("0")):
        errors.append(FieldError(name, "too_small", Message("must be at least {bound}", bound=1)))
    elif len(digits) > _MOST_DIGITS or (number := int(digits)) > most:
        errors.append(FieldError(name, "too_large", Message("must be at most {bound}", bound=most)))
    else:
        return number
    return default


def page(
    request: Request, page: Page, rows: Sequence[Row], shape: Callable[[Sequence[Row]], Shape]
) -> Reply[Shape]:
    """The page, from up to one row more than it holds, with an RFC 8288 `Link` header.

    The row beyond it is not shown: it tells that there is a next one. `shape` makes the answer of
    all that are.
    """
    return Reply(
        shape(rows[: page.limit]),
        more_headers=links(request.call, page, more=len(rows) > page.limit),
    )
