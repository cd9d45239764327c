"""Where secrets may be sent."""

from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def keeps_secrets(url: str) -> bool:
    """Whether what is sent there is read by nobody on the way: encrypted, or on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK
    return parts.scheme == "https" and bool(parts.hostname)
