"""The texts of all messages, by kind: one module a chapter."""

from collections.abc import Mapping

from whipround.gateways.messages.texts import (
    accounts,
    codes,
    crowd,
    payments,
    pools,
    requests,
    verifications,
)
from whipround.gateways.messages.texts.source import Source

TEXTS: Mapping[str, Source] = {
    **codes.TEXTS,
    **accounts.TEXTS,
    **payments.TEXTS,
    **requests.TEXTS,
    **pools.TEXTS,
    **crowd.TEXTS,
    **verifications.TEXTS,
}
