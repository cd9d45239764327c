"""The calls of the document, each with what has to be there before it.

Most samples are of one payment: a page that is paid by five, one of whom gets a hundredth and
another 76 of the 105 parts of the rest.
"""

from typing import Any

from tests.api.mobbr.client import Json
from tests.api.mobbr.printed.stage import (
    PAGE,
    PAID,
    SAMPLES,
    Part,
    Stage,
    json_of,
    paid,
    plain,
    scene,
    shown,
)
from tests.gateways.github.api_server import contributor, user
from tests.people import new_email

ISSUE = "https://github.com/mobbr/mobbr-frontend/issues/189"

PRINTED_PEOPLE = "https://mobbr.com/#/person/"
PEOPLE = "https://pictures.test/#/person/"
"""What is before a username where an id is an address: there, and in these tests."""

ICONS = (
    '<link rel="icon" href="https://www.google.com/s2/favicons?domain=github.com">'
    '<link rel="apple-touch-icon" href="https://github.com/apple-touch-icon.png">'
)


def printed_script() -> Json:
    """The script of the payment that most samples are of, as far as it is printed."""
    return plain(SAMPLES["Confirm payment"]["result"]["payment_script"])


def serve_page(stage: Stage, *, main: str = "https://github.com/mmalmi", **said: Any) -> None:
    """Have the page of that payment served, most of which is `main`'s. `said` is what else it says;
    what it says nothing of is None."""
    script = {**printed_script(), "keywords": ["github.com", "Yoursearchterm"], **said}
    script["participants"] += [
        {"id": main, "role": "Contributor", "share": 76},
        {"id": "Ernesto", "role": "Contributor", "share": 20},
        {"id": "https://github.com/rippler", "role": "Contributor", "share": 5},
        {"id": f"mailto:{new_email()}", "role": "Contributor", "share": 4},
    ]
    del script["url"]
    script = {name: value for name, value in script.items() if value is not None}
    stage.outside.page(json_of(script), head=ICONS, path="/identifi/identifi")


async def pay_page(stage: Stage, **said: Any) -> str:
    """Have Patrick pay a euro to that page; the payment."""
    serve_page(stage, message=None, **said)
    return await paid(stage, stage.page, "1")


async def pledge_to_issue(stage: Stage) -> None:
    """Have Patrick pledge to the issue of the samples, as they have it."""
    [sample] = SAMPLES["List claimable payments"]["result"]
    stage.outside.github.has_issue(
        "mobbr/mobbr-frontend", 189, [user("octocat")], title=sample["description"]
    )
    await paid(stage, sample["url"], "150", referrer=sample["ref_uri"])


@scene("Create payment", status=201)
async def _(stage: Stage) -> Part:
    script = SAMPLES["Create payment"]["result"]["script"]
    stage.outside.github.has_repository(
        "identifi/identifi",
        [contributor("mmalmi", 76), contributor("rippler", 5)],
        description=script["description"],
        topics=script["keywords"],
        owner=user("identifi", avatar_url=script["image"]),
    )
    names = ("id", "role", "share", ".x-id", ".percentage", ".gravatar")
    participants = {f"result.script.participants[].{name}" for name in names}
    # GitHub says no message, and has an icon of its own.
    return Part(
        free={"result.script..favicon", *participants}, lacks={("result", "script", "message")}
    )


@scene("Create payment, 2", status=201)
async def _(stage: Stage) -> Part:
    return Part(
        words={PRINTED_PEOPLE: PEOPLE},
        free={"result.hash", "result.script.participants[]..gravatar"},
        is_ernestos=True,
    )


@scene("Confirm payment", status=201)
async def _(stage: Stage) -> Part:
    serve_page(stage)
    preview = await shown(stage, stage.page, amount=1, currency="EUR")
    # The script of GitHub's own pages comes from its API; this page has one.
    return Part(
        words={"178faa2f3d321a662e86cc42e2acd508": preview["hash"], PAGE: stage.page},
        free={"result.payment_id", "result.payment_script..script-type[]"},
    )


@scene("List payments")
async def _(stage: Stage) -> Part:
    payment_id = await pay_page(stage)
    return Part(words={PAID: payment_id, PAGE: stage.page}, free={"result[].datetime"})


@scene("List payments for domain")
async def _(stage: Stage) -> Part:
    await pay_page(stage)
    return Part(
        words={"domain=github.com": "domain=127.0.0.1", PAGE: stage.page},
        free={"result[].datetime"},
        is_known=True,
    )


@scene("List payments for URL")
async def _(stage: Stage) -> Part:
    payment_id = await pay_page(stage)
    free = {"datetime", "receiver[].gravatar", "senders[].gravatar"}
    return Part(
        words={PAID: payment_id, PAGE: stage.page}, free={f"result[].{name}" for name in free}
    )


@scene("Inspect payment")
async def _(stage: Stage) -> Part:
    payment_id = await pay_page(stage)
    here = {PAID: payment_id, PAGE: stage.page, '"domain": "github.com"': '"domain": "127.0.0.1"'}
    of_receivers = {"gravatar", "username", "share_id", "unclaim_id"}
    free = {"img_uri", "paiddatetime", "senders[].gravatar"}
    free |= {f"receivers[].{name}" for name in of_receivers}
    return Part(words=here, free={f"result.{name}" for name in free})


@scene("List unclaimed shares")
async def _(stage: Stage) -> Part:
    [sample] = SAMPLES["List unclaimed shares"]["result"]
    payment_id = await pay_page(stage, main=sample["recipient_id"])
    free = {"share_id", "datetime", "username", "gravatar"}
    return Part(
        words={PAID: payment_id, PAGE: stage.page}, free={f"result[].{name}" for name in free}
    )


@scene("Revoke unclaimed shares")
@scene("Delete pledges")
async def _(stage: Stage) -> Part:
    return Part()


@scene("List claimable payments")
async def _(stage: Stage) -> Part:
    await pledge_to_issue(stage)
    return Part(free={"result[].id"}, is_known=True)


@scene("Claim payments", status=400)
async def _(stage: Stage) -> Part:
    await pledge_to_issue(stage)
    return Part()


@scene("List pledges")
async def _(stage: Stage) -> Part:
    script = {"type": "pledge", "participants": [{"id": "https://github.com/mmalmi"}]}
    await paid(stage, script, "1")
    return Part(free={"result[].id", "result[].paiddatetime"})
