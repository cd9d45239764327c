"""Races, whose assertions are told as those of tests are."""

import pytest

for _module in (
    "arriving",
    "asking",
    "giving_back",
    "living_together",
    "outside",
    "pledging",
    "pooling",
    "repeating",
    "spending",
):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
