"""The connection to one Stripe account."""

from stripe import HTTPXClient, StripeClient

from whipround.gateways.processors.stripe.answers import ANSWER_SECONDS
from whipround.gateways.quiet import keep_addresses_out_of_logs


def open_client(*, secret_key: str, url: str | None) -> tuple[StripeClient, HTTPXClient]:
    """A client, and the connections to close at its end.

    `url` is where the API is, if not at Stripe's own address. Nothing is asked twice by itself.
    """
    keep_addresses_out_of_logs("stripe")
    http = HTTPXClient(timeout=ANSWER_SECONDS)
    client = StripeClient(
        secret_key,
        http_client=http,
        max_network_retries=0,
        base_addresses={"api": url.rstrip("/")} if url else {},
    )
    return client, http
