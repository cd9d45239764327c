"""Calls of the routes that no document prints, each with what has to be there before it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from tests.api.memento.paying import PAYMENTS, Customer
from tests.api.memento.paying import said as memento_said
from tests.api.memento.picturing import upload, uploaded
from tests.api.memento.pooling import collect
from tests.api.memento.pooling import path as pool_path
from tests.api.mobbr.client import Client as MobbrClient
from tests.api.mobbr.client import said as mobbr_said
from tests.api.mobbr.printed.stage import PASSWORD, paid
from tests.api.moneypool.printed.money import invited, pay_in_cash, withdraw
from tests.crowd import pay_crowd
from tests.mails import last_link, last_reset_token, last_token
from tests.money import EUR, MXN
from tests.people import PIN, new_email, new_phone
from tests.torture.fuzz.scenes import Play, Stage
from whipround.domain import announcements, mailed_tokens
from whipround.domain.announcements import NewAnnouncement

MORE: dict[str, list[Play]] = {"memento": [], "moneypool": [], "mobbr": []}
"""By dialect."""


def scene(dialect: str) -> Callable[[Play], Play]:
    """Have this played too."""

    def add(play: Play) -> Play:
        MORE[dialect].append(play)
        return play

    return add


@scene("memento")
async def _limits(stage: Stage) -> None:
    john = stage.memento.john
    memento_said(await john.get(f"/v1/funding_sources/{john.wallet_id}/limits"))


@scene("memento")
async def _image(stage: Stage) -> None:
    john = stage.memento.john
    memento_said(await upload(john), 201)
    memento_said(await john.get(f"/v1/images/{await uploaded(john)}"))


async def _paid(stage: Stage) -> tuple[Customer, str]:
    """Who was paid, and where the payment is."""
    john, arnar = stage.memento.john, stage.memento.arnar
    return arnar, f"{PAYMENTS}/{(await john.paid(arnar))['id']}"


@scene("memento")
async def _refund(stage: Stage) -> None:
    arnar, payment = await _paid(stage)
    body = {"pin": PIN, "amount": "1.00", "description": "Sorry"}
    memento_said(await arnar.post(f"{payment}/refund", body), 201)
    memento_said(await arnar.get(f"{payment}/refunds"))


@scene("memento")
async def _acknowledgement(stage: Stage) -> None:
    now = datetime.now(UTC)
    new = NewAnnouncement(title="Terms", message="They are new.", start_at=now - timedelta(hours=1))
    for word in ("announcements", "announcement"):
        async with stage.faces.db.transaction() as tx:
            id_ = await announcements.announce(tx, new=new, now=now)
        memento_said(await stage.memento.john.post(f"/v1/{word}/{id_}/ack"))


@scene("memento")
async def _export(stage: Stage) -> None:
    pool = await collect(stage.memento.john, stage.memento.arnar)
    where = pool_path(pool, "participants/export")
    await stage.memento.john.post(where, {"email": new_email()})


@scene("memento")
async def _user(stage: Stage) -> None:
    john = await stage.faces.person()
    memento_said(await john.put(f"/v1/users/{john.id}", {"first_name": "Jon", "pin": PIN}))


@scene("memento")
async def _verification(stage: Stage) -> None:
    body = {"type": "sms", "recipient": new_phone(), "event": "test"}
    memento_said(await (await stage.faces.person()).put("/v1/verifications", body), 201)


@scene("moneypool")
async def _confirmation(stage: Stage) -> None:
    email = new_email()
    eve = await stage.faces.join(email=email, is_proven=False)
    await eve.post("/api/confirmations")
    url = httpx.URL((await last_link(stage.faces.db, email))["url"])
    await eve.bearing(None).get(url.path)


@scene("moneypool")
async def _forgotten_password(stage: Stage) -> None:
    nobody, eve = stage.faces.moneypool, await stage.faces.join()
    await nobody.post("/api/passwords", {"user": {"email": eve.email}})
    token = await last_reset_token(stage.faces.db, eve.email)
    new = {"password": "brand new", "password_confirmation": "brand new"}
    await nobody.patch("/api/passwords", {"user": {"reset_token": token, **new}})


@scene("moneypool")
async def _cash_and_withdrawal(stage: Stage) -> None:
    eve = await stage.faces.join(MXN("100.00"))
    pool = await invited(stage.moneypool, eve, least="1.00")
    await pay_in_cash(eve, "10.00", pool.pool_id)
    await withdraw(eve, "10.00")


@scene("moneypool")
async def _proven_password(stage: Stage) -> None:
    """Somebody whose login, and new details, are those of nobody else."""
    password = {"password": "foobar123", "password_confirmation": "foobar123"}
    user = {"name": "Eve", "email": new_email(), **password}
    nobody = stage.faces.moneypool
    eve = await stage.faces.signed_up(await nobody.post("/api/users", {"user": user}))
    await nobody.post("/api/sessions", {"user": {"email": user["email"], **password}})
    changed = {"name": "Ève", "email": new_email(), "current_password": "foobar123"}
    await eve.patch(eve.own(""), {"user": changed})
    facebook = {"user": {"oauth_token": f"fb_test_{uuid4().hex[:12]}"}}
    await nobody.post("/api/fb_sessions", facebook)


@scene("mobbr")
async def _lists(stage: Stage) -> None:
    patrick = stage.mobbr.patrick
    for path in ("/balances", "/user", "/user/ping", "/api/oauth_providers", "/api/id_providers"):
        mobbr_said(await patrick.get(path))
    mobbr_said(await patrick.get("/api/currencies", base_currency="EUR", include_unused="1"))


@scene("mobbr")
async def _sign_up(stage: Stage) -> None:
    nobody, email = stage.faces.mobbr, new_email()
    eve = {"username": f"eve{uuid4().hex[:12]}", "email": email, "password": PASSWORD}
    mobbr_said(await nobody.put("/user/register_user_send_login_link", eve))
    del eve["email"]
    mobbr_said(await nobody.put("/user/password_login", eve))
    token = await last_token(stage.faces.db, email, "login_link")
    mobbr_said(await nobody.get("/user/login_link", login_token=token))
    mobbr_said(await nobody.put("/user/link_login", {"login_token": token}))
    mobbr_said(await nobody.get("/user/send_login_link", username_or_email_or_id=email))


@scene("mobbr")
async def _log_out(stage: Stage) -> None:
    eve = await stage.faces.mobbr.join()
    mobbr_said(await eve.delete("/user/logout"))


@scene("mobbr")
async def _profile(stage: Stage) -> None:
    patrick = stage.mobbr.patrick
    user = {"firstname": "Pat", "birthday": "1985-09-04", "country_of_residence": "GB"}
    mobbr_said(await patrick.post("/user/update_user", {"user": user}))


@scene("mobbr")
async def _further_email(stage: Stage) -> None:
    eve, email = await stage.faces.mobbr.join(), new_email()
    mobbr_said(await eve.post("/user/email_id", {"new_email": email}))
    token = await last_token(stage.faces.db, email, "email_id")
    mobbr_said(await eve.get("/user/email_link", confirm_token=token))
    mobbr_said(await eve.put("/user/confirm_email_id", {"confirm_token": token}))


@scene("mobbr")
async def _money_that_waits(stage: Stage) -> None:
    email, now, payer = new_email(), datetime.now(UTC), await stage.faces.mobbr.join(EUR("6.00"))
    db = stage.faces.db
    async with db.transaction() as tx:
        [token] = await mailed_tokens.make_claims(
            tx, emails=[email], expires_at=[now + timedelta(days=90)], now=now
        )
    await pay_crowd(db, payer.person, EUR("6.00"), ("email", email), now=now)
    mobbr_said(await stage.faces.mobbr.get("/user/claim_link", claim_token=token))


@scene("mobbr")
async def _profile_elsewhere(stage: Stage) -> None:
    eve = await stage.faces.mobbr.join()
    address = httpx.URL(mobbr_said(await eve.get("/user/oauth_url", provider="github")))
    back = {"code": f"oauth_test_{uuid4().hex[:12]}", "state": address.params["state"]}
    mobbr_said(await eve.get("/user/oauth_callback", **back))
    mobbr_said(await eve.put("/user/oauth_id", {"provider": "github", **back}))


async def _waiting(stage: Stage, **script: object) -> tuple[MobbrClient, str]:
    """Who has paid to somebody who is not here, and the payment."""
    to = {"participants": [{"id": f"mailto:{new_email()}", "share": 1}], **script}
    return stage.mobbr.patrick, await paid(stage.mobbr, to, "1")


@scene("mobbr")
async def _revocation(stage: Stage) -> None:
    patrick, payment = await _waiting(stage)
    mobbr_said(await patrick.delete("/payments/unclaimed_shares", ids=payment))


@scene("mobbr")
async def _revoked_pledge(stage: Stage) -> None:
    patrick, pledge = await _waiting(stage, type="pledge")
    mobbr_said(await patrick.delete("/payments/pledged", ids=pledge))


@scene("mobbr")
async def _claim(stage: Stage) -> None:
    outside, ernesto = stage.mobbr.outside, stage.mobbr.ernesto
    script = {"type": "pledge", "title": "A task", "participants": [{"id": ernesto.username}]}
    url = outside.page(script, path=(path := outside.new_path()))
    await paid(stage.mobbr, url, "1")
    outside.page({**script, "type": "payment"}, path=path)
    mobbr_said(await stage.mobbr.ernesto.put("/payments/claim", {"url": url}))
