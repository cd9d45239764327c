"""Lists in answers: one page of shapes, and links to the pages around it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from whipround.api.handling import Reply
from whipround.api.memento.call import Request
from whipround.api.paging import links
from whipround.db.listing import ListQuery

Row = TypeVar("Row")
Shape = TypeVar("Shape")


def page(
    request: Request, query: ListQuery, rows: Sequence[Row], shape: Callable[[Row], Shape]
) -> Reply[list[Shape]]:
    """One page, from up to one row more than it holds, with an RFC 8288 `Link` header.

    The row beyond the page is not shown: it tells that there is a next one.
    """
    limit = query.page.limit
    return Reply(
        [shape(row) for row in rows[:limit]],
        more_headers=links(request.call, query.page, more=len(rows) > limit),
    )
