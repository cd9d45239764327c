"""Which crowd payments happen: a pure function of the locked state and the commands, in order.

The money of a payment moves in one transfer, however many share it: into the wallets of those who
are here, and into holdings for those who are not yet. What is pledged waits in an account of its
own until it is claimed.
"""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.domain.credentials import UserLocked
from whipround.domain.crowd import dividing
from whipround.domain.crowd.commands import (
    MOST_PLEDGED,
    MOST_WAITING,
    PLEDGE_ACCOUNT,
    PLEDGED_FOR,
    ClaimPledge,
    Command,
    Confirm,
    CrowdPayment,
    Outcome,
    PledgeNotFound,
    PledgeUnpayable,
    PreviewRefused,
    RecipientsChanged,
    TooManyPledges,
    TooManySharesWaiting,
)
from whipround.domain.crowd.plan import PlannedShare
from whipround.domain.crowd.state import Decision, Payer, State
from whipround.domain.funding.reading import FundingSourceDisabled
from whipround.domain.funding.wallet import WALLET, WALLET_ACCOUNT
from whipround.domain.payees import Payee
from whipround.domain.payments.state import Recipient
from whipround.errors import DomainError
from whipround.ledger.accounts import NewAccount
from whipround.ledger.transfers import InsufficientFunds, Leg, Transfer
from whipround.money import EXACT, Money

Target = Recipient | Payee
"""Who gets a share: somebody with a wallet here, or an address that nobody has proven."""


def decide(state: State, commands: Sequence[Command]) -> Decision:
    """Carry out the commands one after the other on `state`; a declined one disturbs no other."""
    decision = Decision()
    for command in commands:
        try:
            if isinstance(command, Confirm):
                outcome: Outcome = _confirm(state, command, decision)
            else:
                outcome = _claim(state, command, decision)
        except DomainError as error:
            outcome = error
        decision.outcomes.append(outcome)
    return decision


def _confirm(state: State, command: Confirm, decision: Decision) -> CrowdPayment:
    plan, payer = command.plan, state.payers[command.payer_id]
    _check_preview(state, command)
    _check_payer(state, payer)
    targets = [_target(state, payer.id, share) for share in plan.shares]
    is_pledge = plan.kind == "pledge"
    if not is_pledge and not all(targets):
        raise RecipientsChanged
    total = Money(EXACT.add(plan.amount, plan.fee), plan.currency)
    _check_funds(state, payer, total)
    waiting = sum(isinstance(target, Payee) for target in targets)
    if not is_pledge:
        _check_waiting(state, payer.id, waiting)
    elif state.pledged.get(payer.id, 0) >= MOST_PLEDGED:
        raise TooManyPledges
    _take_from_limits(state, payer, total)  # the last that can refuse
    shown = state.previews[command.preview_id]
    state.previews[command.preview_id] = shown._replace(used_at=state.now)
    decision.used.append(command.preview_id)
    crowd = CrowdPayment(
        id=uuid7(),
        owner_id=payer.id,
        owner_name=payer.full_name,
        funding_source_id=payer.wallet_id,
        status="pledged" if is_pledge else "paid",
        amount=plan.amount,
        fee=plan.fee,
        currency=plan.currency,
        page=plan.page,
        referrer=plan.referrer,
        is_invoiced=plan.is_invoiced,
        participants=_users(targets) if is_pledge else (),
        expires_at=state.now + PLEDGED_FOR if is_pledge else None,
        created_at=state.now,
        paid_at=None if is_pledge else state.now,
    )
    decision.made.append(crowd)
    if is_pledge:
        state.pledged[payer.id] = state.pledged.get(payer.id, 0) + 1
        _pledge(state, crowd, total.amount)
    else:
        state.waiting[payer.id] = state.waiting.get(payer.id, 0) + waiting
        wallet = state.accounts[payer.wallet_id, WALLET_ACCOUNT, plan.currency]
        division = dividing.Division(crowd, plan.shares, _present(targets), command.claim_url)
        dividing.divide(state, division, from_account=wallet, decision=decision)
    return crowd


def _claim(state: State, command: ClaimPledge, decision: Decision) -> CrowdPayment:
    pledge = state.pledges.get(command.pledge_id)
    if pledge is None or pledge.status != "pledged":
        raise PledgeNotFound
    targets = [_target(state, pledge.owner_id, share) for share in command.shares]
    if not all(targets):
        raise PledgeUnpayable
    account = state.accounts[pledge.id, PLEDGE_ACCOUNT, pledge.currency]
    if state.book.balance(account) < EXACT.add(pledge.amount, pledge.fee):
        raise PledgeUnpayable  # before anything is kept that there is no money for
    waiting = sum(isinstance(target, Payee) for target in targets)
    _check_waiting(state, pledge.owner_id, waiting)
    state.waiting[pledge.owner_id] = state.waiting.get(pledge.owner_id, 0) + waiting
    paid = pledge._replace(status="paid", expires_at=None, paid_at=state.now)
    state.pledges[pledge.id] = paid
    decision.claimed.append(paid)
    division = dividing.Division(paid, command.shares, _present(targets), command.claim_url)
    dividing.divide(state, division, from_account=account, decision=decision)
    return paid


def _check_preview(state: State, command: Confirm) -> None:
    shown = state.previews.get(command.preview_id)
    if shown is None or shown.used_at is not None or shown.expires_at <= state.now:
        raise PreviewRefused
    if shown.user_id not in {None, command.payer_id}:
        raise PreviewRefused


def _check_payer(state: State, payer: Payer) -> None:
    if payer.locked_until is not None and payer.locked_until > state.now:
        raise UserLocked
    if not payer.gives:
        raise FundingSourceDisabled


def _target(state: State, payer_id: UUID, share: PlannedShare) -> Target | None:
    """Who gets a share; None for somebody who cannot be paid, or not by this payer."""
    user_id = share.user_id
    if share.address is not None:
        payee = state.payees[share.address]
        if payee.user_id is None:
            return payee
        user_id = payee.user_id
    if user_id is None or user_id == payer_id or (payer_id, user_id) in state.blocks:
        return None
    return state.recipients.get(user_id)


def _users(targets: Sequence[Target | None]) -> tuple[UUID, ...]:
    """Those who are users, each of them once."""
    users = (target.user_id for target in targets if isinstance(target, Recipient))
    return tuple(dict.fromkeys(users))


def _present(targets: Sequence[Target | None]) -> Sequence[Target]:
    return [target for target in targets if target is not None]


def _check_funds(state: State, payer: Payer, total: Money) -> None:
    account_id = state.accounts.get((payer.wallet_id, WALLET_ACCOUNT, total.currency))
    if account_id is None or state.book.balance(account_id) < total.amount:
        raise InsufficientFunds


def _check_waiting(state: State, payer_id: UUID, waiting: int) -> None:
    if waiting and state.waiting.get(payer_id, 0) + waiting > MOST_WAITING:
        raise TooManySharesWaiting


def _take_from_limits(state: State, payer: Payer, total: Money) -> None:
    """Count it against the limits of the payer's wallet. Raises LimitExceeded."""
    if state.limits:
        state.limits.take(
            funding_source_id=payer.wallet_id,
            types=(WALLET,),
            direction="out",
            money=total,
            is_verified=payer.verified,
            now=state.now,
        )


def _pledge(state: State, crowd: CrowdPayment, total: Decimal) -> None:
    """What is pledged waits, with the fee, in an account of its own."""
    wallet = state.accounts[crowd.funding_source_id, WALLET_ACCOUNT, crowd.currency]
    pledged = state.book.open(NewAccount(crowd.id, PLEDGE_ACCOUNT, crowd.currency))
    legs = (Leg(wallet, -total), Leg(pledged, total))
    state.book.post(Transfer(uuid7(), "pledge", f"{crowd.id}:pledge", legs))
