"""How long the suites go on, what they are seeded with, and what they measure."""

from collections.abc import Callable
from random import Random, SystemRandom

import pytest

from tests.torture.effort import Effort


@pytest.fixture(scope="session")
def effort(pytestconfig: pytest.Config) -> Effort:
    """How long to go on."""
    return Effort(pytestconfig.getoption("torture"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """What a test is seeded with: the same again with the same `--hypothesis-seed`."""
    given = request.config.getoption("hypothesis_seed")
    seed = SystemRandom().randrange(10**9) if given is None else given
    print(f"To replay this: --hypothesis-seed={seed}")
    return f"{seed} {request.node.name}"


@pytest.fixture
def chance(seed: str) -> Random:
    """Chance that can be replayed."""
    return Random(seed)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Tell a figure, by name, which is shown at the end of a torture."""

    def told(name: str, value: object) -> None:
        record_property(name, str(value))  # as another process may be the one that shows it

    return told
