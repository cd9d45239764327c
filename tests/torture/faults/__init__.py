"""What fails around us, whose assertions are told as those of tests are."""

import pytest

for _module in (
    "acts",
    "load",
):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
