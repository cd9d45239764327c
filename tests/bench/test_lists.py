"""What the bench reads is every list that there is."""

from datetime import UTC, datetime
from uuid import UUID

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from bench.lists import Reader, lists
from whipround.api.memento.app import create_app

IDS = ("funding_source_id", "payment_id", "pool_id", "request_id")


def _lists(route: HTTPRoute) -> list[HTTPRouteHandler]:
    return [it for it in route.route_handlers if it.opt.get("filters") is not None]


def test_every_list_is_read_with_its_own_columns() -> None:
    reader = Reader(UUID(int=1), dict.fromkeys(IDS, UUID(int=2)))

    read = {f"/v1/{each.path}": each.columns for each in lists(reader, now=datetime.now(UTC))}

    assert read == {
        route.path_format: handler.opt["filters"]
        for route in create_app().routes
        if isinstance(route, HTTPRoute)
        for handler in _lists(route)
    }
