"""A product that a module has for itself, as the tests of the dialects do."""

from tests.api.conftest import shared

__all__ = ["shared"]
