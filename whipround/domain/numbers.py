"""The whole numbers that Moneypool knows things by."""

LARGEST = 2**63 - 1


def can_be(number: int) -> bool:
    """Whether anything could have this number.

    PostgreSQL compares a larger one as another type, for which there is no index.
    """
    return 0 < number <= LARGEST
