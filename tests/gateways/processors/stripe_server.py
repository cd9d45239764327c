"""A localstripe server, and its test cards."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

KEY = "sk_test_localstripe"

GOOD = "4242424242424242"
DECLINED_WHEN_CHARGED = "4000000000000341"
ASKS_ITS_OWNER = "4000002500003155"
GERMAN_ACCOUNT = "DE89370400440532013000"
EMPTY_ACCOUNT = "DE62370400440532013001"

_PATIENCE_SECONDS = 30

_RUN = Path(__file__).with_name("stripe_today.py")


@contextmanager
def stripe_server() -> Iterator[str]:
    """A localstripe of one's own; its URL."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, _RUN, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(url):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/v1/customers", auth=(KEY, ""))
    except httpx.TransportError:
        return False
    return True


class Dashboard:
    """What a browser, or the operator, does at Stripe."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, auth=(KEY, ""))

    def close(self) -> None:
        self._http.close()

    def card(self, number: str) -> str:
        """A payment method for a card, as Stripe's own form makes it in a browser."""
        card = {"number": number, "exp_month": 12, "exp_year": 2033, "cvc": "123"}
        return str(self.post("payment_methods", {"type": "card", "card": card})["id"])

    def account(self, iban: str) -> str:
        """A payment method that debits a bank account."""
        debit = {"type": "sepa_debit", "sepa_debit": {"iban": iban}}
        return str(self.post("payment_methods", debit)["id"])

    def post(self, path: str, data: Mapping[str, object]) -> dict[str, object]:
        answer = self._http.post(f"/v1/{path}", json=data)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def get(self, path: str) -> dict[str, object]:
        found: dict[str, object] = self._http.get(f"/v1/{path}").json()
        return found

    def count(self, path: str) -> int:
        return int(self._http.get(f"/v1/{path}", params={"limit": 1000}).json()["total_count"])

    def send_webhooks(self, url: str, secret: str) -> None:
        """Have the news told to `url` from now on."""
        data = {"url": url, "secret": secret}
        self._http.post("/_config/webhooks/ours", json=data).raise_for_status()
