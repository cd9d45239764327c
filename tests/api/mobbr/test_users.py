"""Seeing and changing oneself, further emails, and profiles elsewhere."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.mobbr.client import Client, basic, refused, said, told
from tests.crowd import new_profile, pay_crowd
from tests.mails import last_token, mailed
from tests.money import EUR, held, problems, rows
from tests.people import new_email
from whipround.domain import billing, credentials, mailed_tokens
from whipround.domain.users.proofs import Proven

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def ann(client: Client) -> Client:
    """Somebody who can pay."""
    return await client.join(EUR("100.00"))


@pytest.fixture
async def ben(client: Client) -> Client:
    """Somebody new."""
    return await client.join(first_name="Ben", last_name="Roe")


async def _update(client: Client, **fields: object) -> dict[str, object]:
    return said(await client.post("/user/update_user", {"user": fields}))  # type: ignore[no-any-return]


async def _is_complete(client: Client) -> bool:
    async with client.db.transaction() as tx:
        return bool(await billing.complete(tx, user_ids=[client.person.id]))


async def test_seeing_and_changing_oneself(ben: Client) -> None:
    before = said(await ben.get("/user"))

    after = await _update(
        ben,
        firstname=" Benjamin ",
        birthday="1967-08-16",
        language_iso="ES",
        timezone="Europe/Amsterdam",
        address="Flappentap 16",
        zip="2736 XS",
        city="Zoetermeer",
        country_of_residence="nl",
    )

    assert {name for name in after if after[name] != before[name]} - {"lastupdateddatetime"} == {
        *("firstname", "birthday", "language_iso", "timezone"),
        *("address", "zip", "city", "country_of_residence"),
    }
    assert (after["firstname"], after["birthday"]) == ("Benjamin", "1967-08-16")
    assert (after["language_iso"], after["country_of_residence"]) == ("ES", "NL")
    assert after["id"] == [f"https://pictures.test/#/person/{ben.username}", f"mailto:{ben.email}"]
    assert "token" not in after
    emptied = await _update(ben, birthday="", country_of_residence="", lastname="")
    assert [emptied[it] for it in ("birthday", "country_of_residence", "lastname")] == [
        None,
        "",
        "",
    ]
    assert said(await ben.get("/user")) == emptied


async def test_who_can_be_invoiced(ben: Client) -> None:
    assert not await _is_complete(ben)
    await _update(ben, address="Flappentap 16", country_of_residence="NL")
    assert await _is_complete(ben)
    await _update(ben, companyname="Roe Inc.")
    assert not await _is_complete(ben)
    me = await _update(ben, vat_number="nl 8076.659.15 B01")
    assert me["vat_number"] == "NL807665915B01"
    assert await _is_complete(ben)
    # Whoever is called as their username is has said no name.
    await _update(ben, companyname="", firstname=ben.username, lastname="")
    assert not await _is_complete(ben)


async def test_what_cannot_be_said_of_oneself(ben: Client) -> None:
    for fields in (
        *({"birthday": "tomorrow"}, {"vat_number": "12"}, {"country_of_residence": "XX"}),
        *({"timezone": "Mars"}, {"language_iso": "?"}, {"firstname": ""}, {"city": "a\nb"}),
        *({"bitcoin_address": "1"}, {"address": "x" * 201}, {"firstname": None}),
        *({name: "\u200b"} for name in ("firstname", "lastname", "companyname")),
    ):
        text = refused(await ben.post("/user/update_user", {"user": fields}))
        assert text.startswith("Invalid parameter: user. "), fields
    assert refused(await ben.post("/user/update_user", {"user": "x"}))
    assert "[user]" in refused(await ben.post("/user/update_user", {}))


async def test_a_further_email(ann: Client, ben: Client) -> None:
    email, now = new_email(), datetime.now(UTC)
    await pay_crowd(ben.db, ann.person, EUR("6.00"), ("email", email), now=now)

    sent = told(await ben.post("/user/email_id", {"new_email": email.upper()}))
    token = await last_token(ben.db, email, "email_id")

    assert sent == f"A confirmation link was sent to {email}"
    [mail] = await mailed(ben.db, email, "email_id")
    assert mail["url"].startswith("https://pictures.test/api_v1/user/email_link?")
    assert mail["url"].endswith(f"confirm_token={token}")
    # Whoever else reads it can do nothing with it.
    assert refused(await ann.put("/user/confirm_email_id", {"confirm_token": token})) == (
        "Invalid parameter: confirm_token. Confirm token is unknown, has been used or has expired."
    )
    me = said(await ben.put("/user/confirm_email_id", {"confirm_token": token}))
    assert me["email"] == ben.email
    assert set(me["id"][1:]) == {f"mailto:{ben.email}", f"mailto:{email}"}
    assert await held(ben.db, ben.person) == Decimal(6)
    refused(await ben.put("/user/confirm_email_id", {"confirm_token": token}))
    # What comes from now on arrives at once, and a login link goes to the profile's email.
    await pay_crowd(ben.db, ann.person, EUR("1.00"), ("email", email), now=now)
    assert await held(ben.db, ben.person) == Decimal(7)
    said(await ann.get("/user/send_login_link", username_or_email_or_id=f"mailto:{email}"))
    assert await mailed(ben.db, email, "login_link") == []
    assert len(await mailed(ben.db, ben.email, "login_link")) == 1
    again = refused(await ben.post("/user/email_id", {"new_email": email}))
    assert again == "Invalid parameter: new_email. Email is confirmed already."
    assert await problems(ben.db) == []


async def test_an_email_that_is_somebody_elses(ann: Client, ben: Client) -> None:
    email = new_email()
    said(await ben.post("/user/email_id", {"new_email": email}))
    token = await last_token(ben.db, email, "email_id")
    await ann.join(proven=Proven(email=email))

    late = await ben.put("/user/confirm_email_id", {"confirm_token": token})

    assert refused(late) == "Invalid parameter: confirm_token. Email has already been taken."
    taken = refused(await ben.post("/user/email_id", {"new_email": ann.email}))
    assert taken == "Invalid parameter: new_email. Email has already been taken."


async def test_the_email_of_the_profile_is_the_first(client: Client) -> None:
    """One that a token alone has brought lets nobody in."""
    password = "m0bbr2011"
    secret = await credentials.hash_password(password)
    by_phone = [await client.join(proven=None, password_hash=secret) for _ in range(2)]
    header = {"Authorization": basic(by_phone[0].username, password)}
    vouched = []
    for eve, headers in zip(by_phone, (header, {}), strict=True):
        email = new_email()
        said(await eve.post("/user/email_id", {"new_email": email}))
        token = await last_token(eve.db, email, "email_id")

        me = said(
            await eve.put("/user/confirm_email_id", {"confirm_token": token}, headers=headers)
        )

        assert (me["email"], me["email_confirmed"]) == (email, True)
        assert [it.partition(":")[0] for it in me["id"]] == ["https", "mailto", "tel"]
        [[is_vouched]] = await rows(
            eve.db, "select email_vouched from users where id = %s", eve.person.id
        )
        vouched.append(is_vouched)
    assert vouched == [True, False]


async def test_a_link_that_says_that_money_waits(client: Client, ann: Client, ben: Client) -> None:
    email, now = new_email(), datetime.now(UTC)
    async with client.db.transaction() as tx:
        [first, second] = await mailed_tokens.make_claims(
            tx, emails=[email, email], expires_at=[now + timedelta(days=90)] * 2, now=now
        )
    await pay_crowd(client.db, ann.person, EUR("6.00"), ("email", email), now=now)
    browser: Any = {"headers": {"Accept": "text/html,*/*;q=0.8"}, "params": {"claim_token": first}}

    answer = await client.get("/user/claim_link", claim_token=first)
    page = await client.call("GET", "/user/claim_link", **browser)

    assert said(answer) == {
        "email": email,
        "amounts": [{"amount": "6.00000000", "currency_iso": "EUR"}],
        "payments": 1,
        "good_until": said(answer)["good_until"],
    }
    assert f"EUR 6.00 was paid to {email}" in told(answer)
    assert (page.status_code, "Money waits for you" in page.text) == (200, True)
    me = await asyncio.gather(
        *(ben.put("/user/confirm_email_id", {"confirm_token": first}) for _ in range(2))
    )
    assert sorted(each.status_code for each in me) == [201, 400]
    assert await held(client.db, ben.person) == Decimal(6)
    # Once it is somebody's, whoever has another link gets nothing.
    refused(await client.get("/user/claim_link", claim_token=second), 404)
    gone = await client.call("GET", "/user/claim_link", **browser)
    assert (gone.status_code, "no longer good" in gone.text) == (404, True)
    refused(await ann.put("/user/confirm_email_id", {"confirm_token": second}))


async def test_the_other_links(client: Client, ben: Client) -> None:
    email = new_email()
    said(await ben.post("/user/email_id", {"new_email": email}))
    said(await client.get("/user/send_login_link", username_or_email_or_id=ben.username))
    for path, name, kind, recipient in (
        ("/user/email_link", "confirm_token", "email_id", email),
        ("/user/login_link", "login_token", "login_link", ben.email),
    ):
        token = await last_token(client.db, recipient, kind)
        good = await client.get(path, **{name: token})
        bad = await client.get(path, **{name: token + "x"})
        assert [said(good)["is_good"], said(bad)["is_good"]] == [True, False]
        browser: Any = {
            "headers": {"Accept": "text/html", "User-Agent": ""},
            "params": {name: token},
        }
        page = await client.call("GET", path, **browser)
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "in the app" in page.text
        for right in (token, ""):  # a refusal is in the same form
            in_xml = await client.call(
                "GET", path, headers={"Accept": "application/xml"}, params={name: right}
            )
            assert in_xml.headers["content-type"].startswith("application/xml")


async def _state(client: Client) -> str:
    url = said(await client.get("/user/oauth_url", provider="github"))
    [state] = parse_qs(urlsplit(url).query)["state"]
    return str(state)


async def _prove(client: Client, code: str, state: str | None = None) -> dict[str, object]:
    body = {"provider": "github", "code": code, "state": state or await _state(client)}
    return said(await client.put("/user/oauth_id", body))  # type: ignore[no-any-return]


async def test_proving_a_profile(client: Client, ann: Client, ben: Client) -> None:
    url, now = "https://github.com/octocat", datetime.now(UTC)
    await pay_crowd(client.db, ann.person, EUR("6.00"), ("profile", url), now=now)
    address = said(await ben.get("/user/oauth_url", provider="github"))
    # A sandbox has nobody to send people to: they are back at once.
    back = said(await client.call("GET", address.removeprefix("https://pictures.test/api_v1")))

    me = await _prove(ben, back["code"], back["state"])

    assert url in me["id"]  # type: ignore[operator]
    assert await held(client.db, ben.person) == Decimal(6)
    # It is whoever's has proven it last.
    other = await client.join()
    assert url in (await _prove(other, "oauth_test_OctoCat"))["id"]  # type: ignore[operator]
    assert url not in said(await ben.get("/user"))["id"]
    await pay_crowd(client.db, ann.person, EUR("1.00"), ("profile", url), now=now)
    assert await held(client.db, ben.person) == Decimal(6)
    assert await held(client.db, other.person) == Decimal(1)
    said(await client.get("/user/send_login_link", username_or_email_or_id=url + "/"))
    assert len(await mailed(client.db, other.email, "login_link")) == 1


async def test_what_proves_no_profile(client: Client, ann: Client, ben: Client) -> None:
    async def refusal(of: Client, code: str, state: str, provider: str = "github") -> str:
        body = {"provider": provider, "code": code, "state": state}
        return refused(await of.put("/user/oauth_id", body)).split(".")[0]

    state = await _state(ben)
    [_, name] = new_profile()[1].rsplit("/", 1)
    code = f"oauth_test_{name}"

    assert await refusal(ann, code, state) == "Invalid parameter: state"
    assert await refusal(ben, code, "wos_unknown") == "Invalid parameter: state"
    assert await refusal(ben, code, state, "twitter") == "Invalid parameter: provider"
    assert refused(await ben.get("/user/oauth_url", provider="twitter"))
    assert await refusal(ben, "unknown", state) == "Invalid parameter: code"
    # It was used up by that.
    assert await refusal(ben, code, state) == "Invalid parameter: state"
    late = await _state(ben)
    await rows(client.db, "update oauth_login set expires_at = now() - interval '1 s' returning 1")
    assert await refusal(ben, code, late) == "Invalid parameter: state"
    state = await _state(ben)
    body = {"provider": "github", "code": code, "state": state}
    at_once = await asyncio.gather(*(ben.put("/user/oauth_id", body) for _ in range(3)))
    assert sorted(each.status_code for each in at_once) == [201, 400, 400]
    denied = await client.get("/user/oauth_callback", error="access_denied", state=state)
    assert refused(denied)


async def test_limits(limited_client: Client) -> None:
    eve = await limited_client.join()
    emails = [(await eve.post("/user/email_id", {"new_email": new_email()})) for _ in range(11)]
    assert [each.status_code for each in emails] == [201] * 10 + [429]
    # Nor is she told without end whose emails are here.
    mallory, known = await limited_client.join(), eve.email
    taken = [(await mallory.post("/user/email_id", {"new_email": known})) for _ in range(11)]
    assert [each.status_code for each in taken] == [400] * 10 + [429]
    urls = [await eve.get("/user/oauth_url", provider="github") for _ in range(21)]
    assert [each.status_code for each in urls] == [200] * 20 + [429]


async def test_writes_can_be_sent_again(ben: Client) -> None:
    email = new_email()
    for _ in range(2):
        said(await ben.post("/user/email_id", {"new_email": email}, key="again"))
    assert len(await mailed(ben.db, email, "email_id")) == 1
    body = {"confirm_token": await last_token(ben.db, email, "email_id")}
    [first, second] = [
        await ben.put("/user/confirm_email_id", body, key="once-more") for _ in range(2)
    ]
    assert said(first) == said(second)
