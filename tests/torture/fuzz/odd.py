"""Requests that are right and wrong in every part."""

import re
from base64 import b64encode
from collections.abc import Sequence
from uuid import uuid4

from hypothesis import strategies as st

from tests.torture.fuzz.wire import request

_ID = str(uuid4()).encode()
_LONG = 64 * 1024

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD"])

# Of the header: what no parser of HTTP lets through is in `FRAMES`.
_BYTES = st.binary(max_size=40).map(lambda it: re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", it))

_QUOTED = [
    "",
    "x",
    '"',
    '"x',
    "x;",
    "x,y",
    "=",
    "é",
    "１",
    "\u202e",
    "\x1f",
    "{}",
    " ",
    "\t",
    "null",
]


def _basic(said: bytes) -> bytes:
    return b"Basic " + b64encode(said)


_CREDENTIALS = st.sampled_from(
    [
        *(b"Bearer", b"Bearer ", b"Bearer  x", b"bearer x", b"Bearer x y", b"Bearer \xff"),
        *(
            b"Token",
            b"Token ",
            b"Token token",
            b"Token token=",
            b'Token token="',
            b'Token token="x',
        ),
        *(b"Token token=x, token=y", b"Token x=y", b'Token token=""', b"Token token=\xff"),
        *(
            b"Basic",
            b"Basic ",
            b"Basic !",
            b"Basic YTpi",
            b"Basic YTpi=",
            b"Basic \xff",
            b"Digest x",
        ),
        *(
            _basic(it)
            for it in (b"", b":", b"::", b"a", b":wmb_x", b"\xff:\xff", b"a\0:b", b":" * 999)
        ),
    ]
)

_VALUES = st.one_of(
    _BYTES,
    _CREDENTIALS,
    st.sampled_from([it.encode() for it in _QUOTED]),
    st.sampled_from(
        [
            *(
                _ID,
                _ID.upper(),
                b"{%s}" % _ID,
                b"urn:uuid:" + _ID,
                _ID.replace(b"-", b""),
                _ID + b"0",
            ),
            *(b"application/json", b"application/json; charset=utf-16", b"text/html, */*", b"*/*"),
            *(b"application/xml;q=0.5, text/xml;q=0.9999999", b"text/*;q=0", b";;;", b",,,", b"*"),
            b"application/vnd.moneypool.mx+json; version=1",
            b"application/vnd.moneypool.mx+json; version=\xd9\xa1",
            *(
                b"multipart/form-data",
                b"multipart/form-data; boundary=",
                b"multipart/form-data; boundary=x",
            ),
            b"multipart/form-data; boundary=" + b"x" * 300,
            *(
                b"application/x-www-form-urlencoded",
                b"application/x-www-form-urlencoded; charset=x",
            ),
            *(b"es-MX, en;q=0.5", b"en;q=" + b"9" * 400, b"en;q=nan", b"*", b"-", b"x-" * 200),
            *(
                b"bytes=0-",
                b"100-continue",
                b"gzip",
                b"1.2.3.4, ::1",
                b"close, upgrade",
                b"0",
                b"-1",
            ),
            *(it * 6000 for it in (b"a", b"a,", b'"', b"a;q=1,", b"=,", b"en-")),
            b"a" * _LONG,
        ]
    ),
)

_NAMES = st.sampled_from(
    [
        *(b"Product-ID", b"Correlation-ID", b"Idempotency-Key", b"Authorization", b"Accept"),
        *(b"Accept-Language", b"Content-Type", b"User-Agent", b"Cookie", b"X-Forwarded-For"),
        *(
            b"X-Forwarded-Proto",
            b"Host",
            b"Origin",
            b"Range",
            b"If-None-Match",
            b"Content-Encoding",
        ),
    ]
)

HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6)
"""Right and wrong ones, perhaps twice."""

_LEAVES = [
    *(
        b"",
        b"{}",
        b"[]",
        b"null",
        b"{",
        b'{"a":',
        b'{"a": 1}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"NaN",
    ),
    *(b'{"amount": 1e999999}', b'{"amount": -0}', b'{"amount": %s}' % (b"9" * 5000), b'"\\ud800"'),
    *(b'{"a": "\\u0000"}', b'{"user": []}', b'{"user": {"user": {}}}', b"[" * 50_000),
    *(b'{"a":' * 20_000, b'{"amount": "\xd9\xa1"}', b'{"amount": 1.%s}' % (b"0" * 3000)),
    *(
        b"a=b",
        b"a=b&a=c",
        b"a[b]=c&a[]=d&a=e",
        b"%",
        b"%ff=%00",
        b"&" * 9999,
        b"a[" * 9999,
        b"=;=&",
    ),
    *(b"<a/>", b"<a", b"<a>&lt;</a>", b"<a>&b;</a>", b"<?xml version='1.0' encoding='x'?><a/>"),
    b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    *(
        b"<a>" * 20_000,
        b"<a " + b"b='c' " * 3000 + b"/>",
        b"<a><item>1</item><item type='x'>1</item></a>",
    ),
    b'--x\r\nContent-Disposition: form-data; name="user[name]"\r\n\r\nx\r\n--x--\r\n',
    *(b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n', b"--x" * 20_000),
]

BODIES = st.sampled_from(_LEAVES) | st.binary(max_size=200)

_QUERIES = st.sampled_from(
    [
        *(b"", b"page=0", b"page=%s" % (b"9" * 5000), b"page=1&page=2", b"limit=-1", b"limit=1e3"),
        *(
            b"page=\xd9\xa1",
            b"page=%D9%A1",
            b"per_page=",
            b"sort=%00",
            b"sort=created_at:desc,id:asc",
        ),
        *(b"filter=amount:gte:nan", b"filter=amount:eq:1e99999", b"filter=" + b"[a;b]," * 1500),
        *(b"filter=created_at:gte:9999-99-99", b"since=9999-12-31 23:59:59", b"search=%25%5c_'"),
        *(
            b"search=%ff",
            b"product-id=x",
            b"product-id=" + _ID,
            b"&&&",
            b"=",
            b"%",
            b"ids[]=1&ids=2",
        ),
        *(
            b"id=" + b"f" * 32,
            b"offset=-1&limit=0",
            b"url=http://[",
            b"url=javascript:x",
            b"a=" * 9999,
        ),
        *(b"from_date=0000-00-00", b"domain=..", b"url_or_email=" + b"@" * 3000, b"data=\x01\x02"),
    ]
) | _BYTES.map(lambda it: re.sub(rb"[ \t]", b"", it))

_IDS = st.sampled_from(
    [
        *(
            _ID,
            b"x",
            b"0",
            b"1",
            b"-1",
            b"1e9",
            b"9" * 30,
            b"9" * 5000,
            b"%00",
            b"%ff",
            b"%2e%2e",
            b"..",
        ),
        *(
            b"%D9%A1",
            b"current",
            b"a" * 5000,
            b"%",
            b"%zz",
            b"{x}",
            b"\xc3\xa9",
            b";",
            b"%2F",
            b"'",
        ),
    ]
)


_ODD = st.sampled_from(
    [
        b"*",
        b"/",
        b"//v1/users",
        b"/v1/",
        b"/v1/%75sers",
        b"http://x/v1/users",
        b"/api/../v1",
        b"/v1",
    ]
)


def calls(routes: Sequence[tuple[str, str]]) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """Methods and targets: of routes, with anything in their parameters, and of nothing."""
    known = st.sampled_from(sorted(routes)).flatmap(
        lambda route: st.lists(
            _IDS, min_size=route[1].count("{"), max_size=route[1].count("{")
        ).map(lambda ids: (route[0].encode(), _filled(route[1], ids)))
    )
    return st.tuples(known | known | known | st.tuples(METHODS, _ODD), _QUERIES).map(
        lambda it: (it[0][0], b"?".join([it[0][1], it[1]]) if it[1] else it[0][1])
    )


def _filled(path: str, ids: Sequence[bytes]) -> bytes:
    parts = re.split(r"{\w+}", path)
    return b"".join(part.encode() + id_ for part, id_ in zip(parts, [*ids, b""], strict=True))


FRAMES = st.lists(
    st.sampled_from(
        [
            *(
                b"Content-Length: 5",
                b"Content-Length: 0",
                b"Content-Length: -1",
                b"Content-Length: x",
            ),
            *(b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length: " + b"9" * 40),
            *(
                b"Content-Length : 5",
                b"Content-Length:",
                b"Content-Length: 5 ",
                b"content-length: 6",
            ),
            *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"),
            *(
                b"Transfer-Encoding: chunked, identity",
                b"Transfer-Encoding : chunked",
                b"TE: trailers",
            ),
            *(b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: xchunked", b"Upgrade: h2c"),
            *(b"X: a\0b", b"X: a\r b", b"X\0: a", b": a", b"X", b" folded", b"X y: a", b"\xff: a"),
            *(
                b"Expect: 100-continue",
                b"Expect: x",
                b"Connection: keep-alive",
                b"Connection: upgrade",
            ),
            b"X: " + b"y" * _LONG,
        ]
    ),
    max_size=4,
)
"""Lines of a head that say how long a request is, or are none."""

RESTS = st.sampled_from(
    [
        *(
            b"",
            b"hello",
            b"{}   ",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello",
            b"zz\r\n",
            b"-5\r\nhello",
        ),
        *(
            b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
            b"ffffffffffffffffff\r\n",
            b"0\r\n\r\nGET / HTTP/1.1\r\n",
        ),
        *(b"0\r\n\r\n" + request(b"GET", b"/v1/users/current", []), b"\0" * 99, b"\r\n" * 99),
    ]
)
"""What comes after a head."""

LINES = st.sampled_from(
    [
        *(
            b"POST /v1/tokens HTTP/1.1",
            b"POST /api/sessions HTTP/1.1",
            b"GET /api_v1/user HTTP/1.1",
        ),
        *(
            b"GET /v1/users/current HTTP/1.0",
            b"GET / HTTP/2.0",
            b"GET /\x00 HTTP/1.1",
            b"GET  / HTTP/1.1",
        ),
        *(
            b"GET /\xff HTTP/1.1",
            b"G\xc3\x89T / HTTP/1.1",
            b"GET",
            b"",
            b"PRI * HTTP/2.0",
            b"TRACE / HTTP/1.1",
        ),
        *(
            b"CONNECT x:1 HTTP/1.1",
            b"GET /%s HTTP/1.1" % (b"a" * _LONG),
            b"get / HTTP/1.1",
            b"\x16\x03\x01",
        ),
    ]
)

WHOLE = (b"POST /v1/tokens HTTP/1.1", b"POST /api/sessions HTTP/1.1", b"GET /api_v1/user HTTP/1.1")
"""Lines with which a request begins that could be one."""

NO_LINES = (
    *(b"GET /\x00 HTTP/1.1", b"GET /\xff HTTP/1.1", b"G\xc3\x89T / HTTP/1.1", b"GET", b""),
    *(b"PRI * HTTP/2.0", b"CONNECT x:1 HTTP/1.1", b"get / HTTP/1.1", b"\x16\x03\x01"),
)
"""Lines with which none begins."""

NO_FRAMES = (
    *(b"Content-Length: -1", b"Content-Length: x", b"Content-Length: +5", b"Content-Length: 5, 5"),
    *(b"Content-Length: " + b"9" * 40, b"Content-Length : 5", b"Content-Length:"),
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    *(b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked"),
    *(b"Transfer-Encoding : chunked", b"Transfer-Encoding: \x0bchunked"),
    *(b"X: a\0b", b"X: a\r b", b"X\0: a", b": a", b"X", b" folded", b"X y: a", b"\xff: a"),
)
"""Lines of a head by which one cannot know where a request ends, or where a header does."""

AFTER = (
    *(b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", request(b"GET", b"/v1/users/current", [])),
    *(it + request(b"GET", b"/v1/users/current", []) for it in (b"hello", b"0\r\n\r\n")),
)
"""What may come after such a head, and must not be taken for a request."""
