"""The calls about people: logging in and out, and users."""

from base64 import b64encode

from tests.api.moneypool.documents import examples
from tests.api.moneypool.printed.stage import CLABE, Part, Stage, play, scene
from tests.pictures import new_picture


async def _john_doe(stage: Stage, **values: str) -> Part:
    """Who has signed up by the very call that is printed, but for these values."""
    nobody = stage.faces.moneypool
    [printed] = [it for it in examples() if it.title == "Create a User"]
    return Part(await stage.faces.signed_up(await play(Part(nobody, values=values), printed)))


@scene("Create a User", "Facebook Login", status=201)
async def _(stage: Stage) -> Part:
    return Part(stage.faces.moneypool)


@scene("Email/Password Login", status=201)
async def _(stage: Stage) -> Part:
    await _john_doe(stage, email="user@example.com")
    return Part(stage.faces.moneypool)


@scene("Logout", status=204)
async def _(stage: Stage) -> Part:
    return Part(await stage.faces.join())


@scene("Get a User")
async def _(stage: Stage) -> Part:
    return Part(stage.john)


@scene("Update a User")
async def _(stage: Stage) -> Part:
    # Email and password are those he has already, which need no further proof.
    john = (await _john_doe(stage)).who
    avatar = f"data:image/png;base64,{b64encode(new_picture()).decode()}"
    return Part(john, values={"clabe": CLABE, "avatar": avatar})
