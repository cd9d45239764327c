"""Links from one page of a list to those around it: the RFC 8288 `Link` header.

There is no total: counting would read every row (later revisions, "Decision, lists").
"""

from urllib.parse import quote

from whipround.api.context import Call, Headers
from whipround.db.listing import MAX_DEPTH, Page

# What may stand in a query; the rest could end the <link> early, as does a semicolon for clients
# that look for the parameters after it and not for the bracket.
_SAFE = "%&=+:,.[]!$'()*/?@-_~"


def links(call: Call, page: Page, *, more: bool) -> Headers:
    """The header of a page: what comes before it, and after it if there is `more`."""
    found = []
    if more and (page.number + 1) * page.limit <= MAX_DEPTH:
        found.append(f'<{_address(call, page.number + 1)}>; rel="next"')
    if page.number > 1:
        found.append(f'<{_address(call, page.number - 1)}>; rel="prev"')
    return ((b"link", ", ".join(found).encode()),) if found else ()


def _address(call: Call, page: int) -> str:
    """The request's own address, with another page."""
    kept = [
        quote(part, safe=_SAFE)
        for part in call.query_string.split(b"&")
        if part and part.partition(b"=")[0] != b"page"
    ]
    return f"{call.path}?{'&'.join([*kept, f'page={page}'])}"
