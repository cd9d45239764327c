"""Fixtures of people who ask each other for money."""

import pytest

from tests.domain.requests.asking import Asking
from tests.money import Scene


@pytest.fixture
def asking(scene: Scene) -> Asking:
    """A scene in which people ask each other for money."""
    return Asking(scene)
