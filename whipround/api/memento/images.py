"""Memento, Images: pictures that people upload, of themselves and of what they pay and ask for."""

import re
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from whipround.api.fields import Description, Meta, wrong
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.people import refusal
from whipround.api.memento.shapes import images as shapes
from whipround.api.writes import REPEATS, answer, limit_multiplier
from whipround.domain.images import seeing
from whipround.domain.images.seeing import ImageNotFound
from whipround.domain.images.uploading import Target
from whipround.errors import Invalid, Message, Throttled
from whipround.flows.images import Upload, upload
from whipround.gateways.images.renditions import MAX_BYTES, Crop

_CROP = re.compile(r"\s*[0-9]{1,6}(\s*,\s*[0-9]{1,6}){3}\s*", re.ASCII)


def _crop(value: str) -> str:
    if not _CROP.fullmatch(value):
        wrong("invalid", "must be four numbers, such as 0,640,0,480")
    return value


def _small_enough(value: bytes) -> bytes:
    if len(value) > MAX_BYTES:
        wrong("too_large", Message("must have at most {most} MiB", most=MAX_BYTES // 1024**2))
    return value


_FILE = frozenset({"file"})

_TARGETS = ("payment_id", "payment_request_id", "pool_id")


class ImageUpload(BaseModel):
    """A picture, and what it is of: at most one of the three ids."""

    file: Annotated[
        bytes,
        AfterValidator(_small_enough),
        WithJsonSchema({"type": "string", "format": "binary"}),
    ] = Field(description="The file: a JPEG, PNG or WebP of at most 10 MiB.")
    crop: Annotated[str, AfterValidator(_crop)] | None = Field(
        None,
        description="What is shown of it but for a full screen: `x0,x1,y0,y1`, in pixels from its"
        " upper left corner once it is upright. Left out: the largest square in its middle.",
    )
    payment_id: UUID | None = Field(
        None, description="A payment that the current user made; the picture replaces its own."
    )
    payment_request_id: UUID | None = Field(
        None, description="A request of the current user's; the picture is added to it."
    )
    pool_id: UUID | None = Field(
        None, description="A money pool of the current user's; the picture replaces its own."
    )
    description: Description = Field("", description="What is to be said of it.")
    meta: Meta = Field("", description="Text that the client owns.")

    @field_validator("payment_request_id", "pool_id")
    @classmethod
    def _one_of_them(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        before = [name for name in _TARGETS if info.data.get(name) is not None]
        if value is not None and before:
            wrong("invalid", Message("and {other} exclude each other", other=before[0]))
        return value

    def new(self, owner_id: UUID) -> Upload:
        """As the domain knows it."""
        return Upload(
            owner_id=owner_id,
            file=self.file,
            crop=None if self.crop is None else Crop(*map(int, self.crop.split(","))),
            target=self._target(),
            description=self.description,
            meta=self.meta,
        )

    def _target(self) -> Target | None:
        if self.payment_id is not None:
            return Target("payment", self.payment_id, "payment_id")
        if self.payment_request_id is not None:
            return Target("request", self.payment_request_id, "payment_request_id")
        if self.pool_id is not None:
            return Target("pool", self.pool_id, "pool_id")
        return None


@post(
    "/v1/images",
    status_code=201,
    summary="Upload an image",
    tags=["Images"],
    opt=route(errors=(Invalid, Throttled, *REPEATS), form=ImageUpload),
)
async def upload_image(request: Request) -> Reply[shapes.Image]:
    """Upload a picture, as a form with a file.

    One that is of nothing yet can be given to what is made or changed later: `image` or
    `image_ids` takes its id, for a day. A user's own picture is changed in this way too.
    """
    call = request.call
    data = await request.read_form(ImageUpload, files=_FILE)
    return Reply.rendered(
        await upload(
            call.db,
            call.services.studio,
            key=call.key,
            new=data.new(call.authenticated.user.id),
            render=lambda image: answer(shapes.image(image, call.gallery), status=201),
            refuse=lambda error: refusal(error, call),
            keyring=call.services.keyring,
            now=call.now,
            limit_multiplier=limit_multiplier(call),
        )
    )


@get(
    "/v1/images/{image_id:uuid}",
    summary="Get an image",
    tags=["Images"],
    opt=route(errors=(ImageNotFound,)),
)
async def get_image(request: Request, image_id: FromPath[UUID]) -> Reply[shapes.Image]:
    """Get a picture that is the current user's, or of something that the current user sees."""
    call = request.call
    user_id = call.authenticated.user.id
    async with call.db.transaction() as tx:
        found = await seeing.find(tx, user_id=user_id, image_id=image_id, now=call.now)
    return Reply(shapes.image(found, call.gallery))


handlers = [upload_image, get_image]
