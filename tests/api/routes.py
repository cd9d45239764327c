"""The routes that a dialect's app has, so that tests are made from them and none is forgotten."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.api.documents import Endpoint


class Route(NamedTuple):
    """A method of a path; `path` has the names of its parameters in braces."""

    method: str
    path: str
    parameters: tuple[str, ...]
    handler: HTTPRouteHandler

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def endpoint(self) -> Endpoint:
        """What it is in a document."""
        return Endpoint(self.method, re.sub(r"{\w+}", "{id}", self.path))


def routes_of(app: Litestar) -> Iterator[Route]:
    """The routes of an app, in the same order in every process of a run."""
    # Litestar keeps them in sets, and the two paths of one handler come in any order.
    for route in sorted(app.routes, key=lambda it: it.path):
        if isinstance(route, HTTPRoute):
            for handler in sorted(route.route_handlers, key=lambda it: sorted(it.http_methods)):
                for method in sorted(handler.http_methods):
                    if method != "OPTIONS":
                        path = route.path_format
                        yield Route(method, path, tuple(route.path_parameters), handler)
