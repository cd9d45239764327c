"""What can keep the embedded PostgreSQL from running, each told in one line."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the message says why and what to do."""


class AlreadyServed(EmbeddedError):
    """Another server owns the data folder."""
