"""The connection to one Stripe account."""

import logging

from stripe import HTTPXClient, StripeClient

from whipround.gateways.processors.stripe.answers import ANSWER_SECONDS


def open_client(*, secret_key: str, url: str | None) -> tuple[StripeClient, HTTPXClient]:
    """A client, and the connections to close at its end.

    `url` is where the API is, if not at Stripe's own address. Nothing is asked twice by itself.
    """
    _silence()
    http = HTTPXClient(timeout=ANSWER_SECONDS)
    client = StripeClient(
        secret_key,
        http_client=http,
        max_network_retries=0,
        base_addresses={"api": url.rstrip("/")} if url else {},
    )
    return client, http


def _silence() -> None:
    """Keep what the library and its HTTP client tell beneath a warning out of the logs.

    They tell every request, with the ids in its address.
    """
    for name in ("stripe", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
