"""The calls about money: payment requests and invitations, payments, and their history."""

from typing import NamedTuple

from tests.api.memento import pooling
from tests.api.memento.paying import Customer
from tests.api.moneypool.client import Client, Json, said
from tests.api.moneypool.printed.stage import CARD, CLABE, Part, Stage, scene
from tests.money import MXN


class Invited(NamedTuple):
    """A pool by its path in Memento, and what it and the first invitation to it are called here."""

    path: str
    pool_id: int
    liability_id: int


async def requested(owner: Client, of: Client, amount: str = "140.00") -> Json:
    """Ask somebody for money; the payment request."""
    body = {"amount": amount, "description": "Pizza and Sodas", "user_requested_id": of.id}
    asked: Json = said(await owner.post(owner.own("/payment_requests"), body), 201)
    request: Json = asked["payment_request"]
    return request


async def invited(
    stage: Stage, *whom: Client, by: Customer | None = None, least: str = "200.00"
) -> Invited:
    """Invite people to a pool of Memento's."""
    owner = by or await stage.faces.person()
    body = pooling.collecting(
        owner,
        description="John's Birthday",
        currency="MXN",
        minimum_user_amount=least,
        allows_optional_amount=True,
        invites=[str(each.person.id) for each in whom],
    )
    made = said(await owner.post(pooling.POOLS, body), 201)
    newest = (await waiting(whom[0]))[0]
    return Invited(pooling.path(made), newest["id"], newest["liability_id"])


async def waiting(who: Client) -> list[Json]:
    """What is in somebody's list of payment requests."""
    listed = said(await who.get(who.own("/mixed_payment_requests")))
    requests: list[Json] = listed["payment_requests"]
    return requests


async def pay(who: Client, amount: str, *, by: str, **to: object) -> Json:
    """Pay with "card", "wallet" or "mixed", as much with each; the payment."""
    body: Json = {"payment": {"payment_method": by, "description": "Tacos", **to}}
    if by != "card":
        body["payment"]["wallet_amount"] = amount
    if by != "wallet":
        body["transaction"] = {"amount": amount, "card": CARD, "name": "Cecelia Schuster"}
    made: Json = said(await who.post(who.own("/mixed_payments"), body), 201)
    payment: Json = made["payment"]
    return payment


async def pay_in_cash(who: Client, amount: str, pool_id: int) -> None:
    """Have a reference made out, and pay with it at the shop."""
    body = {"payment": {"pool_id": pool_id, "amount": amount}}
    ordered = said(await who.post(who.own("/cash_payments"), body), 201)["cash_payment"]
    said(await who.post(f"/sandbox/cash/{ordered['reference']}"))


async def withdraw(who: Client, amount: str) -> None:
    """Have money paid out to a bank account."""
    bank = {"user": {"clabe": CLABE, "bank": "Bank of Mexico"}}
    said(await who.patch(who.own(""), bank))
    body = {"withdrawal": {"amount": amount}}
    said(await who.post(who.own("/withdrawals"), body), 201)


async def history(who: Client) -> list[Json]:
    """What somebody's history has, newest first."""
    listed: list[Json] = said(await who.get(who.own("/history")))["history"]
    return listed


async def everything(stage: Stage) -> Client:
    """Somebody to whom every type of payment has happened."""
    ann = await stage.faces.join(MXN("500.00"), name="Ann Lee")
    await pay(stage.andy, "10.00", by="mixed", new_email=ann.email)
    collecting = await stage.faces.in_memento(ann)
    own_pool = await invited(stage, stage.andy, by=collecting)
    await pay(stage.andy, "200.00", by="wallet", pool_id=own_pool.pool_id)
    said(await collecting.post(f"{own_pool.path}/close"))
    await pay(ann, "10.00", by="mixed", new_email=stage.andy.email)
    pool_id = (await invited(stage, ann, least="1.00")).pool_id
    await pay(ann, "10.00", by="mixed", pool_id=pool_id)
    await pay_in_cash(ann, "10.00", pool_id)
    await withdraw(ann, "10.00")
    return ann


@scene("List Payment Requests")
async def _(stage: Stage) -> Part:
    await requested(stage.john, stage.andy)
    await requested(stage.andy, stage.john)
    await invited(stage, stage.john)
    return Part(stage.john)


@scene("Create a Payment Request", status=201)
async def _(stage: Stage) -> Part:
    return Part(stage.john, values={"user_requested_id": stage.andy.id})


@scene("Reject a Payment Request")
async def _(stage: Stage) -> Part:
    return Part(stage.john, [(await requested(stage.andy, stage.john))["id"]])


@scene("Delete a Payment Request", status=204)
async def _(stage: Stage) -> Part:
    return Part(stage.john, [(await requested(stage.john, stage.andy))["id"]])


@scene("Delete a Pool invitation", status=204)
async def _(stage: Stage) -> Part:
    return Part(stage.john, [(await invited(stage, stage.john)).liability_id])


@scene("List Payments")
async def _(stage: Stage) -> Part:
    john = await stage.faces.join(MXN("500.00"), name="John Doe")
    await pay(stage.andy, "100.00", by="card", new_email=john.email)
    pool = await invited(stage, john)
    await pay(john, "200.00", by="wallet", pool_id=pool.pool_id)
    return Part(john)


@scene("Create a Card Payment", "Create a Wallet Payment", "Create a Mixed Payment", status=201)
async def _(stage: Stage) -> Part:
    return Part(stage.john)
