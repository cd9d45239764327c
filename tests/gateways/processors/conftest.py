"""A server that answers as Stripe does, for everything here that asks it."""

from collections.abc import Iterator

import pytest

from tests.gateways.processors.stripe_server import Dashboard, stripe_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with stripe_server() as url:
        yield url


@pytest.fixture(scope="module")
def dashboard(url: str) -> Iterator[Dashboard]:
    dashboard = Dashboard(url)
    yield dashboard
    dashboard.close()
