"""What others may see of an address, and what its owner."""

from datetime import UTC, datetime
from typing import Any

import pytest

from whipround.domain.crowd.naming import masked, own_ids
from whipround.domain.users.person import User

PROVEN = datetime(2026, 1, 15, tzinfo=UTC)
EMAIL, PHONE = "mailto:ann@a.test", "tel:+447900000001"


@pytest.mark.parametrize(
    ("proven", "own"),
    [
        ({}, set()),
        ({"email_verified_at": PROVEN}, {EMAIL}),
        ({"phone_verified_at": PROVEN}, {PHONE}),
        ({"email_verified_at": PROVEN, "phone_verified_at": PROVEN}, {EMAIL, PHONE}),
    ],
)
def test_only_what_they_have_proven_is_somebodys_own(proven: Any, own: set[str]) -> None:
    person = User._make([None] * len(User._fields))

    found = own_ids(person._replace(email="Ann@a.test", phone="+447900000001", **proven))

    assert found == own
    assert masked(EMAIL, own=found) == (EMAIL if EMAIL in own else "mailto:a…@a.test")
    assert masked(PHONE, own=found) == (PHONE if PHONE in own else "tel:+44…01")
