"""What people are told of what happens to them: writing it down, and reading it."""

from whipround.domain.notifications.telling import (
    KINDS,
    Event,
    NotificationType,
    tell,
    words,
)

__all__ = ["KINDS", "Event", "NotificationType", "tell", "words"]
