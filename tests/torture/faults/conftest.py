"""Fixtures of the suites about faults."""

from tests.api.conftest import shared

__all__ = ["shared"]
