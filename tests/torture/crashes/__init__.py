"""Kills, whose assertions are told as those of tests are."""

import pytest

for _module in (
    "durability",
    "orders",
    "proof",
    "storm",
):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
