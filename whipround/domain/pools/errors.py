"""Why something cannot be done with a pool."""

from whipround.errors import Declined, NotFound


class PoolNotFound(NotFound):
    """There is no such pool."""


class PoolClosed(Declined):
    """The pool is closed."""

    code = "pool_closed"


class PoolNotStarted(Declined):
    """The pool has not started yet."""

    code = "pool_not_started"


class AlreadyContributed(Declined):
    """You have contributed to this pool already."""

    code = "already_contributed"
