"""Where a payment's money comes from and where it goes, and what is wrong with either."""

from typing import NamedTuple
from uuid import UUID

from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.funding.wallet import BANK_ACCOUNT, CASH, CRYPTO_ADDRESS, WALLET
from whipround.domain.payments.commands import (
    NoSuchDestination,
    PaidToOneself,
    Pay,
    PaymentKind,
    RecipientNotFound,
    RecipientUnavailable,
    UnknownFundingSource,
    UnsupportedFundingSource,
)
from whipround.domain.payments.shares import Pooled, Refusal, RequestShare
from whipround.domain.payments.state import Recipient, Source, State
from whipround.domain.pools.errors import PoolNotFound
from whipround.domain.relationships import Blocked
from whipround.errors import DomainError, Invalid, Message


class Sides(NamedTuple):
    """Both sides of a payment.

    `recipient` is None for an address that nobody has proven, and for a `pool`. `destination` is
    the payer's own source that is paid out to or topped up, where there is one; the recipient is
    the payer then. `wallet` is the payer's, where it bears a part.
    """

    kind: PaymentKind
    source: Source
    recipient: Recipient | None
    destination: Source | None
    pool: Pooled | None = None
    wallet: Source | None = None

    @property
    def is_unclaimed(self) -> bool:
        """Whether nobody has proven the address yet that is paid."""
        return self.recipient is None and self.pool is None


def sides_of(state: State, command: Pay) -> Sides:
    """Both sides; what is wrong with both is told together. Raises a DomainError."""
    source = destination = recipient = wallet = None
    pool = state.shares.pool_of(command)
    refusals: list[DomainError] = []
    try:
        source = _source(state, command)
        wallet = _bearing(state, command)
    except DomainError as error:
        refusals.append(error)
    named = state.sources.get(command.funding_source_id)
    try:
        if command.recipient_source_id is not None:
            destination = _destination(state, command, named)
            recipient = _oneself(state, command)
        elif pool is not None:
            _check_blocks(state, command, pool.owner_id)
        elif command.share is not None:
            recipient = _requester(state, command)
        else:
            recipient = _recipient(state, command, named)
    except DomainError as error:
        refusals.append(error)
    invalid = [error for error in refusals if isinstance(error, Invalid)]
    if len(invalid) > 1:
        raise Invalid([each for error in invalid for each in error.errors])
    if source is None or refusals:
        raise (invalid or refusals)[0]
    kind = _kind(command, recipient, destination)
    return Sides(kind, source, recipient, destination, pool, wallet)


def _kind(command: Pay, recipient: Recipient | None, destination: Source | None) -> PaymentKind:
    if command.share is not None:
        return "request" if isinstance(command.share, RequestShare) else "contribution"
    if destination is not None and destination.type != WALLET:
        return "withdrawal"
    if recipient is not None and recipient.user_id == command.payer_id:
        return "top_up"
    return "payment"


def _source(state: State, command: Pay) -> Source:
    source = state.sources.get(command.funding_source_id)
    if source is None or source.user_id != command.payer_id:
        raise UnknownFundingSource
    if source.is_once != is_paid_once(command, source.type):
        raise UnknownFundingSource
    if source.type == CRYPTO_ADDRESS:
        raise UnsupportedFundingSource
    if not source.gives:
        raise FundingSourceDisabled
    return source


def _bearing(state: State, command: Pay) -> Source | None:
    """The payer's wallet, where it bears a part of what a card pays."""
    if command.means.wallet is None:
        return None
    wallet = state.sources.get(command.means.wallet.funding_source_id)
    if wallet is None or wallet.user_id != command.payer_id or wallet.type != WALLET:
        raise UnknownFundingSource
    if not wallet.gives:
        raise FundingSourceDisabled
    return wallet


def is_paid_once(command: Pay, source_type: str) -> bool:
    """Whether the order comes with what is paid with once, for a source of this type."""
    return command.means.has_come if source_type == CASH else command.means.card is not None


def _destination(state: State, command: Pay, source: Source | None) -> Source:
    """The payer's own source that the money is to go to."""
    assert command.recipient_source_id is not None  # noqa: S101 - the caller's case
    found = state.sources.get(command.recipient_source_id)
    if found is None or found.user_id != command.payer_id or found.is_once:
        raise NoSuchDestination("not_found", "You have no such source")
    wrong = why_not_between(None if source is None else source.type, found.type)
    if wrong is not None:
        raise NoSuchDestination(*wrong)
    if not found.takes:
        raise FundingSourceDisabled
    return found


def why_not_between(source: str | None, destination: str) -> tuple[str, Message] | None:
    """Why nothing goes between two of a person's own sources of these types: code and message.

    None where it does, or as far as is known where the paying one is not.
    """
    if destination == WALLET:
        if source == WALLET:
            return "invalid", Message("Must be another source than the paying one")
        return None
    if destination != BANK_ACCOUNT:
        return "unsupported", Message("Must be a bank account or the wallet")
    if source not in {None, WALLET}:
        return "unsupported", Message("A bank account is paid out to from the wallet")
    return None


def _oneself(state: State, command: Pay) -> Recipient:
    oneself = state.recipients.get(command.payer_id)
    if oneself is None:
        raise FundingSourceDisabled
    return oneself


def _recipient(state: State, command: Pay, source: Source | None) -> Recipient | None:
    """The user to be paid; None for an address that nobody has proven."""
    user_id, at = command.recipient_user_id, "user_id"
    if command.recipient_address is not None:
        user_id, at = state.payees[command.recipient_address].user_id, command.recipient_address[0]
        if user_id is None:
            return None
    from_wallet = source is None or source.type == WALLET or command.means.wallet is not None
    if user_id == command.payer_id and from_wallet:
        raise PaidToOneself(at)
    recipient = state.recipients.get(user_id) if user_id else None
    if recipient is None:
        raise RecipientNotFound(at)
    _check_blocks(state, command, recipient.user_id)
    return recipient


def _requester(state: State, command: Pay) -> Recipient:
    """Whoever made the request that is paid; nobody pays themselves."""
    owner = state.recipients.get(command.recipient_user_id) if command.recipient_user_id else None
    if owner is None or owner.user_id == command.payer_id:
        raise RecipientUnavailable("Nobody can be paid there")
    _check_blocks(state, command, owner.user_id)
    return owner


def check_visible(state: State, command: Pay | Refusal) -> None:
    """Raise PoolNotFound where a block hides a pool from whoever has no part in it."""
    pool = state.shares.pool_of(command)
    if pool is None or (pool.id, command.payer_id) in state.shares.firsts:
        return
    if (command.payer_id, pool.owner_id) in state.blocks:
        raise PoolNotFound


def _check_blocks(state: State, command: Pay, user_id: UUID) -> None:
    if (command.payer_id, user_id) in state.blocks:
        raise Blocked
