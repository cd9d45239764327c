import logging
import socket
from collections.abc import Iterator
from io import StringIO

import pytest

from tests.gateways.messages.post import SmsService, make_message, sms_service
from whipround.gateways.messages.phone import AppriseGateway
from whipround.gateways.messages.protocol import (
    DeliveryFailed,
    DeliveryRefused,
    GatewayMisconfigured,
    Outgoing,
)

pytestmark = [
    pytest.mark.anyio,
    # apprise loads all it knows, one part of which wants a module that Python is about to drop.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

NUMBER = "+447700900042"
SECRET = "b" * 32
TWILIO = f"twilio://AC{'a' * 32}:{SECRET}@+15551234567"


@pytest.fixture
def logs() -> Iterator[StringIO]:
    """What is logged, at every level. (pytest's own fixture also sees what is kept from it.)"""
    written = StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


def make_sms(recipient: str = NUMBER) -> Outgoing:
    return make_message(channel="sms", recipient=recipient, subject="", body="123456 is your code.")


def gateway(service: SmsService, *, rest: str = "/sms?:to={recipient}") -> AppriseGateway:
    return AppriseGateway(url=f"json://127.0.0.1:{service.port}{rest}", setting="WHIPROUND_SMS_URL")


async def test_a_message_reaches_the_service_with_its_recipient() -> None:
    with sms_service() as service:
        outcomes = await gateway(service).send([make_sms()])

    assert outcomes == [None]
    [call] = service.calls
    assert call["to"] == NUMBER
    assert call["message"] == "123456 is your code."
    assert call["title"] == ""


async def test_a_recipient_may_be_a_part_of_the_path() -> None:
    with sms_service() as service:
        outcomes = await gateway(service, rest="/to/{recipient}").send([make_sms()])

    assert outcomes == [None]
    assert service.paths == [f"/to/{NUMBER}"]


async def test_each_message_goes_to_its_own_recipient_once() -> None:
    recipients = [f"+4477009000{number}" for number in range(10, 40)]
    with sms_service() as service:
        outcomes = await gateway(service).send([make_sms(recipient) for recipient in recipients])

    assert outcomes == [None] * len(recipients)
    assert sorted(call["to"] for call in service.calls) == recipients


async def test_an_error_of_the_service_fails_that_message_alone() -> None:
    with sms_service() as service:
        service.statuses = [503]

        outcomes = await gateway(service).send([make_sms(), make_sms()])

    failed = [outcome for outcome in outcomes if outcome is not None]
    assert [type(outcome) for outcome in failed] == [DeliveryFailed]
    assert "503" in str(failed[0])
    assert len(service.calls) == 2


async def test_a_dead_port_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        service = SmsService(port=closed.getsockname()[1])

    (outcome,) = await gateway(service).send([make_sms()])

    assert isinstance(outcome, DeliveryFailed)


async def test_a_number_the_service_would_drop_is_refused() -> None:
    # Without a recipient this service would send the code to the sender's own number.
    twilio = AppriseGateway(url=TWILIO, setting="WHIPROUND_SMS_URL")

    (outcome,) = await twilio.send([make_sms("12")])

    assert isinstance(outcome, DeliveryRefused)


async def test_what_is_sent_is_not_logged(logs: StringIO) -> None:
    with sms_service() as service:
        service.statuses = [500]

        await gateway(service).send([make_sms(), make_sms()])

    assert "123456" not in logs.getvalue()


@pytest.mark.parametrize(
    "url",
    [
        TWILIO,
        f"{TWILIO}?method=call",
        "vonage://key:secret@15551234567",
        "clicksend://user:key@",
        "json://example.org/?:to={recipient}",
        "form://example.org/{recipient}",
    ],
)
def test_services_take_one_recipient(url: str) -> None:
    assert AppriseGateway(url=url, setting="WHIPROUND_SMS_URL")


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "carrier-pigeon://coop", f"twilio://AC:{SECRET}@1", "json://example.org"],
)
def test_a_wrong_url_is_noticed_and_not_quoted(url: str, logs: StringIO) -> None:
    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_CALL_URL") as caught:
        AppriseGateway(url=url, setting="WHIPROUND_CALL_URL")

    assert SECRET not in str(caught.value)
    assert SECRET not in logs.getvalue()
