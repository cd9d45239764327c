"""All that people do, as one machine."""

from tests.torture.model.living import Living


class Machine(Living):
    """All of it."""
