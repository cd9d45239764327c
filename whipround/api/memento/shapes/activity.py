"""What is new, as Memento shows it (Activity summary; first draft, The activity update object)."""

from typing import Annotated

from whipround.api.memento.shapes_base import Shape
from whipround.api.shapes import doc
from whipround.domain.activity import Activity


class CurrentActivity(Shape):
    """How things stand now."""

    unpaid_requests: Annotated[int, doc("How many requests wait for the current user to pay.")]


class ActivitySince(Shape):
    """What has come since the time that was asked for."""

    payments_received: Annotated[int, doc("How many payments the current user received.")]
    requests_received: Annotated[int, doc("How many requests asked the current user.")]


class Summary(Shape):
    """What is new (Memento, Activity summary). Counts end at 1,000."""

    current: Annotated[CurrentActivity, doc("How things stand now.")]
    since_last_time: Annotated[ActivitySince, doc("What has come since then.")]


class Updates(Shape):
    """What is new (first draft, The activity update object). Counts end at 1,000."""

    has_updates: Annotated[bool, doc("Whether anything is new since then.")]
    payments_received: Annotated[int, doc("How many payments the current user received.")]
    payments_due: Annotated[int, doc("How many requests wait for the current user to pay.")]
    payment_due: Annotated[int, doc("The same, under the other name that the draft has for it.")]


def summary(counted: Activity) -> Summary:
    """What is new, in two parts."""
    return Summary(
        current=CurrentActivity(unpaid_requests=counted.unpaid_requests),
        since_last_time=ActivitySince(
            payments_received=counted.payments_received,
            requests_received=counted.requests_received,
        ),
    )


def updates(counted: Activity) -> Updates:
    """What is new, in the form of the first draft."""
    return Updates(
        has_updates=bool(
            counted.has_news or counted.payments_received or counted.requests_received
        ),
        payments_received=counted.payments_received,
        payments_due=counted.unpaid_requests,
        payment_due=counted.unpaid_requests,
    )
