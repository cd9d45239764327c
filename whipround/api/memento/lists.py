"""Lists in answers: one page of shapes, and links to the pages around it.

There is no total: counting would read every row (later revisions, "Decision, lists").
"""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

from whipround.api.context import Call
from whipround.api.memento.call import Reply, Request
from whipround.db.listing import MAX_DEPTH, ListQuery

Row = TypeVar("Row")
Shape = TypeVar("Shape")

# What may stand in a query; the rest could end the <link> early.
_SAFE = "%&=+:;,.[]!$'()*/?@-_~"


def page(
    request: Request, query: ListQuery, rows: Sequence[Row], shape: Callable[[Row], Shape]
) -> Reply[list[Shape]]:
    """One page, from up to one row more than it holds, with an RFC 8288 `Link` header.

    The row beyond the page is not shown: it tells that there is a next one.
    """
    limit = query.page.limit
    links = _links(request.call, query, more=len(rows) > limit)
    return Reply(
        [shape(row) for row in rows[:limit]],
        more_headers=((b"link", ", ".join(links).encode()),) if links else (),
    )


def _links(call: Call, query: ListQuery, *, more: bool) -> list[str]:
    number, limit = query.page.number, query.page.limit
    links = []
    if more and (number + 1) * limit <= MAX_DEPTH:
        links.append(f'<{_address(call, number + 1)}>; rel="next"')
    if number > 1:
        links.append(f'<{_address(call, number - 1)}>; rel="prev"')
    return links


def _address(call: Call, page: int) -> str:
    """The request's own address, with another page."""
    kept = [
        quote(part, safe=_SAFE)
        for part in call.query_string.split(b"&")
        if part and part.partition(b"=")[0] != b"page"
    ]
    return f"{call.path}?{'&'.join([*kept, f'page={page}'])}"
