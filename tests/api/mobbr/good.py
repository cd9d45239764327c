"""For every route with arguments, some with nothing wrong in them.

All of a route's together have each of its arguments: a new one fails `test_bad_input.py` until it
is told here what it may be.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import uuid4

from tests.api.mobbr.client import Client, Json
from tests.people import new_email


class Place(NamedTuple):
    """Ann, who has ten euros and has been shown what it is to pay Bob one (`hash`)."""

    nobody: Client
    ann: Client
    bob: Client
    hash: str


Good = Callable[[Place], Json]

URL = "https://pages.test/article"

_PAGE = {"offset": 0, "limit": 10}
_SECRET = "x" * 43

GOOD: Mapping[str, tuple[Good, ...]] = {
    "POST /api_v1/payments/preview": (
        lambda it: {
            "data": it.bob.username,
            "amount": "1.00",
            "currency": "EUR",
            "invoiced": False,
            "annotated": True,
            "referrer": URL,
        },
    ),
    "PUT /api_v1/payments/confirm": (lambda it: {"hash": it.hash},),
    "GET /api_v1/payments": (
        lambda _: {
            "search": "tacos",
            "from_date": "2014-10-28 01:12",
            "to_date": "2014-10-28 01:12:00",
            **_PAGE,
        },
    ),
    "GET /api_v1/payments/domain": (lambda _: {"domain": "github.com", **_PAGE},),
    "GET /api_v1/payments/uri": (lambda _: {"url": URL, **_PAGE},),
    "GET /api_v1/payments/info": (
        lambda _: {
            "id": uuid4().hex,
            "include_receivers": True,
            "include_senders": False,
            "include_keywords": "1",
        },
    ),
    "DELETE /api_v1/payments/unclaimed_shares": (
        lambda _: {"share_ids": ["1"]},
        lambda _: {"ids": [uuid4().hex]},
    ),
    "GET /api_v1/payments/claimable": (lambda _: {"url_or_email": URL, **_PAGE},),
    "PUT /api_v1/payments/claim": (lambda _: {"url": URL},),
    "GET /api_v1/payments/pledged": (lambda _: {**_PAGE},),
    "DELETE /api_v1/payments/pledged": (lambda _: {"ids": [uuid4().hex]},),
    "GET /api_v1/api/currencies": (lambda _: {"base_currency": "EUR", "include_unused": "0"},),
    "PUT /api_v1/user/register_user_send_login_link": (
        lambda _: {
            "username": "eve",
            "email": new_email(),
            "password": "m0ney-p00l",
            "claim_token": f"wml_{_SECRET}",
        },
    ),
    "PUT /api_v1/user/password_login": (
        lambda it: {"username": it.ann.username, "password": "m0ney-p00l"},
    ),
    "PUT /api_v1/user/link_login": (lambda _: {"login_token": f"wml_{_SECRET}"},),
    "GET /api_v1/user/send_login_link": (lambda _: {"username_or_email_or_id": "nobody"},),
    "POST /api_v1/user/update_user": (
        lambda _: {
            "user": {
                "firstname": "Ann",
                "lastname": "Lee",
                "birthday": "1985-09-04",
                "language_iso": "EN",
                "timezone": "Europe/London",
                "companyname": "Lee Ltd",
                "vat_number": "NL807665915B01",
                "address": "Main Street 1",
                "zip": "101",
                "city": "London",
                "country_of_residence": "GB",
            }
        },
    ),
    "POST /api_v1/user/email_id": (lambda _: {"new_email": new_email()},),
    "PUT /api_v1/user/confirm_email_id": (lambda _: {"confirm_token": f"wml_{_SECRET}"},),
    "GET /api_v1/user/oauth_url": (lambda _: {"provider": "github"},),
    "PUT /api_v1/user/oauth_id": (
        lambda _: {"provider": "github", "code": "x", "state": f"wos_{_SECRET}"},
    ),
    "GET /api_v1/user/login_link": (lambda _: {"login_token": f"wml_{_SECRET}"},),
    "GET /api_v1/user/email_link": (lambda _: {"confirm_token": f"wml_{_SECRET}"},),
    "GET /api_v1/user/claim_link": (lambda _: {"claim_token": f"wml_{_SECRET}"},),
    "GET /api_v1/user/oauth_callback": (
        lambda _: {
            "code": "x",
            "state": f"wos_{_SECRET}",
            "error": "access_denied",
            "error_description": "x",
            "error_uri": URL,
            "iss": URL,
        },
    ),
}
