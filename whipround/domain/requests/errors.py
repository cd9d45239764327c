"""Why something cannot be done with a request, or by one of its participants."""

from whipround.errors import Declined, NotFound


class RequestNotFound(NotFound):
    """There is no such request, or no such participant in it."""


class AlreadyPaid(Declined):
    """This was paid already."""

    code = "already_paid"


class PaymentUnderWay(Declined):
    """A payment of this is under way already."""

    code = "payment_under_way"


class ParticipantResponded(Declined):
    """The participant has responded already, or is cancelled."""

    code = "participant_responded"


class ReminderLimitReached(Declined):
    """The participant was reminded often enough today."""

    code = "reminder_limit_reached"
