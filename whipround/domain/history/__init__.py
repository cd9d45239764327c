"""What came to a person and what left them in one currency, as the books have it.

Each movement of the person's own accounts is one: of the wallet all of them, of cards, bank
accounts and cash what they have paid to others. What was set aside and came back as if nothing had
been, as where a card or a bank declines, is none. So a history always explains the wallet it is of:
all that came in less all that went out, fees included, is what is there (but for what a sandbox has
granted).

Every account is walked in the order of its entries, no further than a page reaches: neither other
currencies nor other people's payments are read.
"""

from whipround.domain.history.movements import Income, IncomeType, Outcome, OutcomeType, Status
from whipround.domain.history.reading import page

__all__ = ["Income", "IncomeType", "Outcome", "OutcomeType", "Status", "page"]
