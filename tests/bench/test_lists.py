"""What the bench reads is every list that there is."""

from datetime import UTC, datetime
from uuid import UUID

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from bench.lists import Reader, asked, lists, mobbr_lists, moneypool_lists
from tests.api.routes import routes_of
from whipround.api.memento.app import create_app
from whipround.api.mobbr.app import create_app as create_mobbr
from whipround.api.mobbr.lists import Part
from whipround.api.moneypool.app import create_app as create_moneypool

IDS = ("funding_source_id", "payment_id", "pool_id", "request_id")
READER = Reader(UUID(int=1), 7, dict.fromkeys(IDS, UUID(int=2)))


def _lists(route: HTTPRoute) -> list[HTTPRouteHandler]:
    return [it for it in route.route_handlers if it.opt.get("filters") is not None]


def test_every_list_is_read_with_its_own_columns() -> None:
    read = {f"/v1/{each.path}": each.columns for each in lists(READER, now=datetime.now(UTC))}

    assert read == {
        route.path_format: handler.opt["filters"]
        for route in create_app().routes
        if isinstance(route, HTTPRoute)
        for handler in _lists(route)
    }


def test_every_list_of_moneypool_is_read() -> None:
    read = moneypool_lists(READER, now=datetime.now(UTC))

    assert {f"/api/{path}" for path in read} == {
        route.path for route in routes_of(create_moneypool()) if route.handler.opt.get("is_list")
    }
    assert "/api/users/7/history" in asked(READER, now=datetime.now(UTC))


def test_every_list_of_mobbr_is_read() -> None:
    read = mobbr_lists(READER, now=datetime.now(UTC))
    whole = "/api_v1/payments/unclaimed_shares"

    assert {f"/api_v1/{path.partition('?')[0]}" for path in read} == {whole} | {
        route.path
        for route in routes_of(create_mobbr())
        if issubclass(route.handler.opt.get("arguments") or object, Part)
    }
    assert whole in asked(READER, now=datetime.now(UTC))
