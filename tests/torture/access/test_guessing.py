"""Whoever guesses is stopped, however many servers they ask at once, and from wherever.

Over HTTP, with the limits of a real installation. How many guesses there are in a day is counted by
guessing for a day, as the clock goes.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from tests.api.conftest import Shared
from tests.api.faces import Faces
from tests.api.memento.client import Client as MementoClient
from tests.api.memento.client import device, error_code
from tests.api.memento.paying import Customer, new_account, said
from tests.api.mobbr.client import basic
from tests.money import EUR, rows
from tests.people import PIN, last_code, new_email, new_phone
from tests.torture.access.servers import Servers, Tell, at_once, chance_of, servers, statuses
from tests.torture.access.world import nothing_changed
from tests.torture.effort import Effort
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio

PASSWORD = "m0ney-p00l"
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""A hash that takes no time to check: the limits are the same."""

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def there(shared: Shared) -> AsyncIterator[Servers]:
    async with servers(shared) as there:
        yield there


async def somebody(there: Servers) -> Customer:
    """Somebody with money, a phone, an email, a PIN and a password."""
    faces = await there.caller()
    proven = Proven(phone=new_phone(), email=new_email())
    return await faces.person(EUR("50.00"), proven=proven, password_hash=WEAK)


def wrong(chance: Random, digits: int, right: str) -> str:
    """Another number of so many digits."""
    guess = f"{chance.randrange(10**digits):0{digits}}"
    return guess if guess != right else wrong(chance, digits, right)


# PINs.


def _guess(thief: Customer, pin: str) -> Any:
    return thief.pay("+447700900123", "0.01", pin=pin)


async def test_a_burst_of_pins_is_five_tries(there: Servers, chance: Random) -> None:
    ann = await somebody(there)
    faces = [await there.caller(number % 2) for number in range(40)]
    thieves = [await each.in_memento(await each.moneypool.of(ann.user)) for each in faces]

    answers = await at_once([_guess(it, wrong(chance, 4, PIN)) for it in thieves])

    guessed = [answer for answer in answers if b"invalid_pin" in answer.content]
    assert len(guessed) == 5
    assert {it.status_code for it in answers} <= {400, 401}
    assert (await _guess(thieves[0], PIN)).status_code == 401
    assert await ann_holds(there, ann) == 50


async def ann_holds(there: Servers, ann: Customer) -> Any:
    """What she has."""
    sql = "select balance from account where owner_id = %s and currency = 'EUR'"
    [[amount]] = await rows(there.shared.db, sql, ann.wallet_id)
    return amount


async def test_pins_of_a_stolen_session(there: Servers, chance: Random, tell: Tell) -> None:
    """Every five wrong ones lock for twice as long as those before."""
    ann = await somebody(there)
    tries, passed, step = 0, timedelta(), timedelta(minutes=20)
    while passed < DAY:
        answer = await _guess(ann, wrong(chance, 4, PIN))
        if answer.status_code == 401:
            there.forward(step)
            passed += step
            continue
        assert error_code(answer) == "invalid_pin"
        tries += 1

    assert tries == 25  # after 0, 1, 3, 7 and 15 hours
    tell("PINs tried in a day with a stolen session", tries)
    tell("chance to guess a PIN of four digits in a day", chance_of(tries, of=10**4))
    # 2**n - 1 hours are over when it is locked for the n-th time.
    year = 5 * sum(2**n - 1 < 365 * 24 for n in range(64))
    tell("PINs a year with a stolen session (worked out)", year)


async def test_nobody_locks_a_user_from_outside(there: Servers, chance: Random) -> None:
    """A PIN is tried only with the right code, which nobody else reads."""
    ann, stranger = await somebody(there), await there.caller()
    pending = said(await stranger.town.client.post("/v1/tokens", _by_sms(ann)), 201)

    for _ in range(12):
        guess = {"secret": "000000", "pin": wrong(chance, 4, PIN)}
        await stranger.town.client.post(f"/v1/tokens/{pending['id']}/secret", guess)

    assert said(await ann.get("/v1/users/current"))["id"] == ann.id
    said(await ann.pay("+447700900123", "0.01"), 201)


# Codes.


def _by_sms(ann: Customer) -> dict[str, Any]:
    identity = {"type": "phone", "value": ann.phone}
    return {"identity": identity, "authenticator": "sms", "device": device()}


def _by_password(ann: Customer, secret: str = PASSWORD) -> dict[str, Any]:
    identity = {"type": "username", "value": ann.user.username}
    given = {"authenticator": "password", "secret": secret, "device": device()}
    return {"identity": identity, **given}


async def _codes(client: MementoClient, id_: str, chance: Random, right: str) -> int:
    """How many codes could be tried at a login before it was over."""
    tried = 0
    while said(await client.get(f"/v1/tokens/{id_}"))["status"] == "pending":
        guess = {"secret": wrong(chance, 6, right), "pin": PIN}
        assert error_code(await client.post(f"/v1/tokens/{id_}/secret", guess)) == (
            "invalid_credentials"
        )
        tried += 1
        assert tried <= 5
    return tried


@pytest.mark.long
async def test_codes_of_a_login(there: Servers, effort: Effort, chance: Random, tell: Tell) -> None:
    """From ever new addresses, for an hour, or a day."""
    ann, tried, hours = await somebody(there), 0, effort.of(24, quick=1)
    for _ in range(hours):
        for _ in range(8):
            client = (await there.caller()).town.client
            asked = await client.post("/v1/tokens", _by_sms(ann))
            if asked.status_code == 201:
                right = await last_code(there.shared.db, ann.phone)
                tried += await _codes(client, said(asked, 201)["id"], chance, right)
            else:
                assert error_code(asked, 429) == "too_many_requests"
        there.forward(timedelta(hours=1))

    assert tried == 25 * hours
    tell("codes of a login tried in an hour, for one user", 25)
    tell(
        "chance to guess one in a day, with which the PIN is still to be guessed",
        chance_of(25 * 24, of=10**6),
    )


@pytest.mark.long
async def test_a_burst_of_codes_is_five_tries(there: Servers, chance: Random) -> None:
    ann = await somebody(there)
    clients = [(await there.caller(number % 2)).town.client for number in range(30)]
    pending = said(await clients[0].post("/v1/tokens", _by_sms(ann)), 201)
    path, right = f"/v1/tokens/{pending['id']}/secret", await last_code(there.shared.db, ann.phone)

    answers = await at_once(
        [it.post(path, {"secret": wrong(chance, 6, right), "pin": PIN}) for it in clients]
    )

    assert {error_code(answer) for answer in answers} == {"invalid_credentials"}
    assert error_code(await clients[0].post(path, {"secret": right, "pin": PIN})) == (
        "invalid_credentials"
    )
    [[tried]] = await rows(
        there.shared.db, "select attempts from token where id = %s", pending["id"]
    )
    assert tried == 5


@pytest.mark.long
async def test_codes_that_prove_an_address(
    there: Servers, effort: Effort, chance: Random, tell: Tell
) -> None:
    phone, tried, hours = new_phone(), 0, effort.of(24, quick=1)
    for _ in range(hours):
        for _ in range(8):
            client = (await there.caller()).town.client
            body = {"type": "sms", "recipient": phone, "event": "test"}
            asked = await client.post("/v1/verifications", body)
            if asked.status_code == 429:
                continue
            path = f"/v1/verifications/{said(asked, 201)['id']}/data"
            right = await last_code(there.shared.db, phone)
            shown = {"status": "pending"}
            while shown["status"] == "pending" and tried <= 25 * hours:
                shown = said(await client.post(path, {"data": wrong(chance, 6, right)}))
                tried += 1
            assert error_code(await client.post(path, {"data": right})) == "verification_finished"
        there.forward(timedelta(hours=1))

    assert tried == 25 * hours
    tell("codes that prove a number tried in an hour", 25)
    tell("chance to prove another's number in a day", chance_of(25 * 24, of=10**6))


async def test_a_stranger_keeps_nobody_from_their_code(there: Servers) -> None:
    """Who has shown the password has codes of their own; and a session goes on whatever happens."""
    ann = await somebody(there)
    for _ in range(8):
        await (await there.caller()).town.client.post("/v1/tokens", _by_sms(ann))

    mine = await (await there.caller()).town.client.post("/v1/tokens", _by_password(ann))

    assert said(mine, 201)["status"] == "pending"
    assert said(await ann.get("/v1/users/current"))["id"] == ann.id


@pytest.mark.long
async def test_a_burst_of_statement_codes_is_five_tries(there: Servers, chance: Random) -> None:
    ann = await somebody(there)
    source = await ann.add(new_account())
    right = await ann.code_for(source)
    again = [await there.caller(number % 2) for number in range(20)]
    clients = [await each.town.client.of(ann.user) for each in again]

    answers = await at_once(
        [it.post(f"{source}/verify", {"code": wrong(chance, 6, right)}) for it in clients]
    )

    codes = [error_code(answer) for answer in answers]
    assert codes.count("invalid_code") <= 5
    assert set(codes) == {"invalid_code", "too_many_attempts"}
    assert error_code(await ann.post(f"{source}/verify", {"code": right})) == "too_many_attempts"


# Passwords.


def _password_tries(faces: Faces, ann: Customer, guess: str) -> dict[str, Any]:
    """All ways to try one: in every dialect, by every name of hers."""

    def identity(kind: str, value: str | None) -> dict[str, Any]:
        secret = {"authenticator": "password", "secret": f"{guess} {kind}", "device": device()}
        return {"identity": {"type": kind, "value": value}, **secret}

    def ping(name: str | None) -> Any:
        headers = {"Authorization": basic(name or "", f"{guess} {name}")}
        return faces.mobbr.call("GET", "/user/ping", headers=headers)

    name, email = ann.user.username, ann.user.email
    return {
        "username": faces.town.client.post("/v1/tokens", identity("username", name)),
        "phone": faces.town.client.post("/v1/tokens", identity("phone", ann.phone)),
        "email": faces.moneypool.post(
            "/api/sessions", {"user": {"email": email, "password": guess}}
        ),
        "username, Basic": ping(name),
        "email, Basic": ping(email),
        "username, for a token": faces.mobbr.put(
            "/user/password_login", {"username": name, "password": guess}
        ),
    }


@pytest.mark.long
async def test_passwords_of_one_user(there: Servers, effort: Effort, tell: Tell) -> None:
    """From ever new addresses; a user is known by three names, which count each for itself."""
    ann, quarters = await somebody(there), effort.of(96, quick=1)
    judged, callers = 0, [await there.caller(number % 2) for number in range(12)]
    for quarter in range(quarters):
        answers: list[httpx.Response] = []
        for number, faces in enumerate(callers):
            tries = _password_tries(faces, ann, f"wrong {quarter} {number}")
            answers += await at_once([*tries.values()])
        found = statuses(answers)
        assert found.keys() == {400, 401, 403, 429}
        judged += sum(found.values()) - found[429]
        there.forward(timedelta(minutes=15))

    assert judged == 3 * 10 * quarters
    tell(
        "passwords a day, for one user, by all names of theirs (worked out)",
        3 * 10 * 96,
    )
    tell("chance to guess one of a million equally likely in a day", chance_of(2880, of=10**6))


@pytest.mark.long
async def test_passwords_from_one_address(there: Servers, tell: Tell) -> None:
    faces = await there.caller()
    anyone = await somebody(there)
    # A name that cannot be counts too, and takes less time here.
    calls = [
        faces.town.client.post(
            "/v1/tokens", _by_sms(anyone) | {"identity": {"type": "phone", "value": new_phone()}}
        )
        for _ in range(110)
    ]

    found = statuses(await at_once(calls))

    assert found == {400: 100, 429: 10}
    tell("logins a day from one address (worked out)", 100 * 96)


async def test_a_burst_of_passwords_is_ten_tries(there: Servers) -> None:
    ann = await somebody(there)
    callers = [await there.caller(number % 2) for number in range(40)]

    answers = await at_once(
        [
            it.town.client.post("/v1/tokens", _by_password(ann, f"wrong {n}"))
            for n, it in enumerate(callers)
        ]
    )

    assert statuses(answers) == {400: 10, 429: 30}


@pytest.mark.long
async def test_who_was_let_in_is_not_kept_out_by_who_guesses(there: Servers) -> None:
    """By a token, a session, or a password that was right a while ago."""
    ann, mine = await somebody(there), await there.caller()
    header = {"Authorization": basic(ann.user.username or "", PASSWORD)}
    for _ in range(2):  # the first time makes a newer hash
        assert (await mine.mobbr.call("GET", "/user/ping", headers=header)).status_code == 200
    for number in range(12):
        guess = {"Authorization": basic(ann.user.username or "", f"wrong {number}")}
        await (await there.caller()).mobbr.call("GET", "/user/ping", headers=guess)

    assert (await mine.mobbr.call("GET", "/user/ping", headers=header)).status_code == 200
    assert said(await ann.get("/v1/users/current"))["id"] == ann.id


@pytest.mark.long
async def test_current_passwords_with_a_stolen_session(there: Servers) -> None:
    ann = await somebody(there)
    again = [await there.caller(number % 2) for number in range(24)]
    clients = [await each.town.client.of(ann.user) for each in again]

    answers = await at_once(
        [
            it.put("/v1/users", {"password": "n3w-passw0rd", "current_password": f"wrong {n}"})
            for n, it in enumerate(clients)
        ]
    )

    assert statuses(answers) == {400: 10, 429: 14}


# What is too long to be guessed: 256 random bits, and 128 of a preview, whose payer is known.


@pytest.mark.long
async def test_secrets_that_are_guessed_do_nothing(
    there: Servers, effort: Effort, chance: Random, tell: Tell
) -> None:
    """They are not counted: nobody could ever try enough."""
    ann, stranger = await somebody(there), await there.caller()
    paying = await stranger.in_mobbr(ann)
    tries = effort.of(100, quick=3)

    def secret(kind: str) -> str:
        return f"{kind}_{chance.randbytes(32).hex()[:43]}"

    nobody, mobbr = stranger.moneypool, stranger.mobbr
    async with nothing_changed(there.shared.db):
        for _ in range(tries):
            reset = {"reset_token": secret("wml"), "password": "x" * 9}
            refusals = [
                await nobody.patch(
                    "/api/passwords", {"user": {**reset, "password_confirmation": "x" * 9}}
                ),
                await nobody.get(f"/api/confirmations/{secret('wml')}"),
                await nobody.bearing(secret("wmp")).get(f"/api/users/{ann.user.number}"),
                await mobbr.put("/user/link_login", {"login_token": secret("wml")}),
                await mobbr.bearing(secret("wmb")).get("/user"),
                await paying.put("/user/confirm_email_id", {"confirm_token": secret("wml")}),
                await paying.put("/payments/confirm", {"hash": chance.randbytes(16).hex()}),
                await paying.put(
                    "/user/oauth_id",
                    {"provider": "github", "code": "oauth_test_x", "state": secret("wos")},
                ),
                await stranger.town.client.bearing(secret("wst")).get("/v1/users/current"),
                await stranger.town.client.bearing(secret("wat")).post("/v1/sessions"),
            ]
            assert {it.status_code for it in refusals} <= {400, 401, 403, 404, 422}
    # A thousand a second, at a million tokens that are good.
    odds = 10**3 * 86_400 * 10**6 / 2**256
    tell("chance to guess any of a million tokens in a day (worked out)", f"{odds:.0e}")
    tell("chance to guess a preview of a thousand in time (worked out)", f"{10**9 / 2**128:.0e}")
