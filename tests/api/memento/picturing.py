"""People who upload pictures."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.api.memento.paying import Customer, said
from tests.pictures import new_picture

IMAGES = "/v1/images"


async def upload(
    who: Customer, file: bytes | None = None, *, key: UUID | None = None, **fields: Any
) -> httpx.Response:
    """Upload a picture, as a form does."""
    headers = {
        "Product-ID": who.client.product_id,
        "Correlation-ID": str(key or uuid4()),
        "Authorization": f"Bearer {who.client.session}",
    }
    content = new_picture() if file is None else file
    return await who.client.http.post(
        IMAGES,
        files={"file": ("a.png", content, "image/png")},
        data={name: str(value) for name, value in fields.items()},
        headers=headers,
    )


async def uploaded(who: Customer, **fields: Any) -> str:
    """The id of a picture just uploaded."""
    return str(said(await upload(who, **fields), 201)["id"])
