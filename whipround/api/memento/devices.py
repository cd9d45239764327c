"""Memento, Devices: the one that the current session is on."""

from litestar import get, put
from litestar.params import JSONBody

from whipround.api.handling import Reply
from whipround.api.memento.call import Request, route
from whipround.api.memento.people import DeviceUpdate, once
from whipround.api.memento.shapes import people as shapes
from whipround.api.writes import REPEATS, answer
from whipround.db.database import Tx
from whipround.db.request_keys import Answer
from whipround.domain import devices
from whipround.domain.devices import DeviceNotFound


@get(
    "/v1/devices/current",
    summary="Get the current device",
    tags=["Devices"],
    opt=route(errors=(DeviceNotFound,)),
)
async def get_device(request: Request) -> Reply[shapes.Device]:
    """Get the current device."""
    call = request.call
    session = call.authenticated
    async with call.db.transaction() as tx:
        found = await devices.get(tx, user_id=session.user.id, device_id=session.device)
    return Reply(shapes.device(found))


@put(
    "/v1/devices/current",
    summary="Update the current device",
    tags=["Devices"],
    opt=route(errors=(DeviceNotFound, *REPEATS)),
)
async def update_device(request: Request, data: JSONBody[DeviceUpdate]) -> Reply[shapes.Device]:
    """Update the current device; what is left out stays as it is."""
    call = request.call
    session = call.authenticated

    async def act(tx: Tx) -> Answer:
        changed = await devices.update(
            tx,
            user_id=session.user.id,
            device_id=session.device,
            change=data.change(),
            now=call.now,
        )
        return answer(shapes.device(changed))

    return await once(call, act)


handlers = [get_device, update_device]
