"""Links between the operations of a document."""

from typing import Any

from whipround.api.openapi_links import Then, add_links


def _operation(id_: str, *, status: str = "200") -> dict[str, Any]:
    return {"operationId": id_, "responses": {status: {}}}


def _links(operation: dict[str, Any]) -> Any:
    [answer] = operation["responses"].values()
    return answer["links"]


def test_what_is_made_is_found_in_the_paths_of_others() -> None:
    opened, contributed = _operation("open", status="201"), _operation("contribute")
    paths = {"/pools": {"post": opened}, "/pools/{pool_id}/money": {"post": contributed}}

    add_links(paths, {"POST /pools": {"pool_id": "/id"}})

    parameters = {"path.pool_id": "$response.body#/id"}
    assert _links(opened) == {"contribute": {"operationId": "contribute", "parameters": parameters}}
    assert "links" not in contributed["responses"]["200"]


def test_what_comes_next_takes_its_body_from_the_answer() -> None:
    previewed, confirmed = _operation("preview"), {**_operation("confirm"), "requestBody": {}}
    paths = {"/preview": {"post": previewed}, "/confirm": {"put": confirmed}}

    add_links(paths, {"POST /preview": Then("PUT /confirm", {"hash": "/result/hash"})})

    body = {"hash": "$response.body#/result/hash"}
    assert _links(previewed) == {"confirm": {"operationId": "confirm", "requestBody": body}}


def test_a_document_without_what_comes_next_has_no_link_to_it() -> None:
    previewed = _operation("preview")

    then = Then("PUT /confirm", {"hash": "/result/hash"})
    add_links({"/preview": {"post": previewed}}, {"POST /preview": then})

    assert _links(previewed) == {}
