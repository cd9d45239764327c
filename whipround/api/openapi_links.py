"""The links of an OpenAPI document: which route takes what another one has answered."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]

Places = Mapping[str, str]
"""For each name that a route takes, where in an answer its value is, as a JSON pointer."""


class Then(NamedTuple):
    """What can be called next, and what it takes from the answer, in its query or its body."""

    route: str
    takes: Places


Made = Mapping[str, Places | Then]
"""By the method and path of a route, where its answer has what others have in their paths; or what
to call with it."""

_NAME = re.compile(r"{(\w+)}")


def add_links(paths: Json, made: Made) -> None:
    """Add to each answer in which others find something what they are, and where they find it.

    A document of some of the routes has the links among those.
    """
    operations = {
        f"{method.upper()} {path}": operation
        for path, by_method in paths.items()
        for method, operation in by_method.items()
    }
    for source in operations.keys() & made.keys():
        said = made[source]
        [status] = [it for it in operations[source]["responses"] if it.startswith("2")]
        links = operations[source]["responses"][status]["links"] = {}
        found = (
            _then(said, operations) if isinstance(said, Then) else _within(source, said, operations)
        )
        for target, link in found:
            id_ = operations[target]["operationId"]
            links[id_] = {"operationId": id_, **link}


def _then(then: Then, operations: Json) -> Iterator[tuple[str, Json]]:
    """The one that is to be called next, if it is there."""
    if then.route not in operations:
        return
    values = {name: f"$response.body#{place}" for name, place in then.takes.items()}
    if "requestBody" in operations[then.route]:
        yield then.route, {"requestBody": values}
    else:
        yield then.route, {"parameters": {f"query.{name}": it for name, it in values.items()}}


def _within(source: str, places: Places, operations: Json) -> Iterator[tuple[str, Json]]:
    """All whose path can be made of what is known, and needs something of that."""
    given = _NAME.findall(source)
    for target in operations:
        names = _NAME.findall(target)
        if target != source and set(names) <= {*places, *given} and places.keys() & set(names):
            yield (
                target,
                {
                    "parameters": {
                        f"path.{name}": f"$response.body#{places[name]}"
                        if name in places
                        else f"$request.path.{name}"
                        for name in names
                    }
                },
            )
