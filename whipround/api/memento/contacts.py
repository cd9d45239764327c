"""Memento, Contacts: whom the current user knows, registered or not."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from whipround.api.context import Call
from whipround.api.fields import ONE_LINE, Meta, Phone, wrong
from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.lists import page
from whipround.api.memento.people import once
from whipround.api.memento.shapes import contacts as shapes
from whipround.api.people_fields import PersonName
from whipround.api.writes import REPEATS, answer
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import contacts
from whipround.domain.contacts import Contact, ContactNotFound, NewContact, Seen, TooManyContacts


class ContactCreate(BaseModel):
    """Somebody to be remembered: a user, or else a name."""

    user_id: UUID | None = Field(None, description="The user; no phone goes with it.")
    first_name: PersonName | None = Field(
        None,
        validate_default=True,
        description="The first name of somebody who is not registered; a user has their own.",
    )
    last_name: Annotated[str, Field(max_length=100), ONE_LINE] = Field(
        "", description="The last name, likewise."
    )
    phone: Phone | None = Field(None, description="The phone number; a user who has proven it.")
    meta: Meta = Field("", description="Text that the client owns.")

    @field_validator("first_name")
    @classmethod
    def _if_no_user(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("user_id", ...) is None:
            wrong("required", "or user id is required")
        return value

    @field_validator("phone")
    @classmethod
    def _without_user(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("user_id") is not None:
            wrong("invalid", "and user id exclude each other")
        return value

    def new_contact(self) -> NewContact:
        """As the domain knows it."""
        return NewContact(
            user_id=self.user_id,
            first_name=self.first_name or "",
            last_name=self.last_name,
            phone=self.phone,
            meta=self.meta if "meta" in self.model_fields_set else None,
        )


@get(
    "/v1/contacts",
    summary="Get a list of contacts",
    tags=["Contacts"],
    opt=route(filters=contacts.FILTERS),
)
async def list_contacts(request: Request) -> Reply[list[shapes.Contact]]:
    """Get a list of all of the current user's contacts."""
    call, query = request.call, request.list_query()
    async with call.db.transaction() as tx:
        seen = await contacts.page(tx, owner_id=call.authenticated.user.id, query=query)
    return page(request, query, seen.contacts, lambda each: _shape(each, seen, call))


@post(
    "/v1/contacts",
    status_code=201,
    summary="Create a contact",
    tags=["Contacts"],
    opt=route(errors=(TooManyContacts, *REPEATS)),
)
async def create_contact(request: Request, data: JSONBody[ContactCreate]) -> Reply[shapes.Contact]:
    """Add a user to one's contacts, or somebody who is not registered.

    A phone number that a user has proven is that user, and any other becomes whoever proves it.
    Who is a contact already stays the same one.
    """
    call = request.call

    async def act(tx: Tx) -> Answer:
        owner_id = call.authenticated.user.id
        seen = await contacts.add(tx, owner_id=owner_id, new=data.new_contact(), now=call.now)
        return answer(_the_one(seen, call), status=201)

    return await once(call, act)


@get(
    "/v1/contacts/{contact_id:uuid}",
    summary="Get a contact",
    tags=["Contacts"],
    opt=route(errors=(ContactNotFound,)),
)
async def get_contact(request: Request, contact_id: FromPath[UUID]) -> Reply[shapes.Contact]:
    """Get one of the current user's contacts."""
    call = request.call
    async with call.db.transaction() as tx:
        owner_id = call.authenticated.user.id
        seen = await contacts.find(tx, owner_id=owner_id, contact_id=contact_id)
    return Reply(_the_one(seen, call))


@delete(
    "/v1/contacts/{contact_id:uuid}",
    status_code=200,
    summary="Delete a contact",
    tags=["Contacts"],
    opt=route(errors=(ContactNotFound, *REPEATS)),
)
async def delete_contact(request: Request, contact_id: FromPath[UUID]) -> Reply[None]:
    """Delete a contact, and with it the relationship to a user."""
    call = request.call

    async def act(tx: Tx) -> Answer:
        await contacts.remove(tx, owner_id=call.authenticated.user.id, contact_id=contact_id)
        return Answer(200, b"")

    return await once(call, act)


def _the_one(seen: Seen, call: Call) -> shapes.Contact:
    (found,) = seen.contacts
    return _shape(found, seen, call)


def _shape(found: Contact, seen: Seen, call: Call) -> shapes.Contact:
    return shapes.contact(found, seen, gallery=call.gallery, now=call.now)


handlers = [list_contacts, create_contact, get_contact, delete_contact]
