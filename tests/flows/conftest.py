"""The people of the domain's tests."""

from tests.domain.conftest import ann, ben, scene

__all__ = ["ann", "ben", "scene"]
