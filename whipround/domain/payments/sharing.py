"""What becomes of requests and pools as their shares are paid: pure, over the locked rows."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from whipround.domain.payments.commands import Pay, Payment
from whipround.domain.payments.shares import (
    Asked,
    Contribution,
    Contributor,
    Forwarding,
    PayShare,
    Pooled,
    Refusal,
    Requested,
    RequestShare,
    Share,
    ShareState,
    check_amount,
)
from whipround.domain.pools.errors import (
    AlreadyContributed,
    PoolClosed,
    PoolNotFound,
    PoolNotStarted,
)
from whipround.domain.requests.errors import (
    AlreadyPaid,
    ParticipantResponded,
    PaymentUnderWay,
    RequestNotFound,
)
from whipround.errors import DomainError, Invalid, Message
from whipround.money import EXACT, Money, round_to_currency


@dataclass(slots=True)
class Shares:
    """The requests and pools of a batch, and what is to be written of them.

    `asked` are all participants of the requests, `asked_by` those of a request who are one person.
    `firsts` are the first rows of people in pools, by pool and person; `contributors` all rows by
    their id.
    """

    requests: dict[UUID, Requested] = field(default_factory=dict)
    asked: dict[UUID, Asked] = field(default_factory=dict)
    asked_by: dict[tuple[UUID, UUID | None], list[Asked]] = field(default_factory=dict)
    pools: dict[UUID, Pooled] = field(default_factory=dict)
    options: dict[UUID, dict[UUID, Decimal]] = field(default_factory=dict)
    firsts: dict[tuple[UUID, UUID], Contributor] = field(default_factory=dict)
    contributors: dict[UUID, Contributor] = field(default_factory=dict)
    living: dict[tuple[UUID, UUID], list[Contributor]] = field(default_factory=dict)
    new: list[Contributor] = field(default_factory=list)
    changed: dict[UUID, Requested | Asked | Pooled | Contributor] = field(default_factory=dict)
    forwardings: list[Forwarding] = field(default_factory=list)

    def add_asked(self, asked: Asked) -> None:
        """One more participant of a request."""
        self.asked[asked.id] = asked
        self.asked_by.setdefault((asked.request_id, asked.user_id), []).append(asked)

    def order_of(self, command: PayShare) -> Pay | Refusal:
        """The order to pay that the command comes to, or why there is none."""
        try:
            if isinstance(command.share, RequestShare):
                return self._request_order(command, command.share)
            return self._contribution_order(command, command.share)
        except DomainError as error:
            return Refusal(
                command.key, command.payer_id, command.pin, command.share, error, command.render
            )

    def _request_order(self, command: PayShare, share: RequestShare) -> Pay:
        request, asked = self.requests.get(share.request_id), self._asked(command, share)
        if request is None or asked is None or command.only_in not in {None, request.currency}:
            raise RequestNotFound
        if share.amount not in {None, asked.amount}:
            asked_for = round_to_currency(asked.amount, request.currency)
            message = Message("Amount must be what is asked for: {amount}", amount=asked_for)
            raise Invalid.field("amount", "invalid", message)
        return _order(
            command,
            RequestShare(request.id, asked.id),
            Money(asked.amount, request.currency),
            request.description,
            recipient_id=request.owner_id,
        )

    def _asked(self, command: PayShare, share: RequestShare) -> Asked | None:
        """The participant who is to pay; of several of one person the first that may."""
        own = [
            asked
            for asked in self.asked_by.get((share.request_id, command.payer_id), ())
            if share.participant_id in {None, asked.id}
        ]
        return min(own, key=lambda asked: (not asked.is_waiting, asked.id), default=None)

    def _contribution_order(self, command: PayShare, share: Contribution) -> Pay:
        pool = self.pools.get(share.pool_id)
        if pool is None or not self._sees(pool, command.payer_id):
            raise PoolNotFound
        if command.only_in not in {None, pool.currency}:
            raise PoolNotFound
        options = self.options.get(pool.id, {})
        if share.by_amount and share.option_id is None:
            fitting = (id_ for id_, amount in options.items() if amount == share.amount)
            share = share._replace(option_id=next(fitting, None))
        amount = check_amount(pool, share, options=options)
        return _order(command, share, Money(amount, pool.currency), pool.description)

    def _sees(self, pool: Pooled, user_id: UUID) -> bool:
        return pool.is_public or user_id == pool.owner_id or (pool.id, user_id) in self.firsts

    def pool_of(self, command: Pay | Refusal) -> Pooled | None:
        """The pool that an order contributes to, or would."""
        share = command.share
        return self.pools.get(share.pool_id) if isinstance(share, Contribution) else None

    def check(self, command: Pay, *, now: datetime) -> None:
        """Raise unless the share can be paid now, as far as request or pool are concerned."""
        match command.share:
            case RequestShare(participant_id=UUID() as participant_id):
                check_asked(self.asked[participant_id])
            case Contribution() as contribution:
                self._check_pool(self.pools[contribution.pool_id], command.payer_id, now)
            case _:
                pass

    def _check_pool(self, pool: Pooled, user_id: UUID, now: datetime) -> None:
        if pool.is_closed(now):
            raise PoolClosed
        if pool.start_at is not None and pool.start_at > now:
            raise PoolNotStarted
        first = self.firsts.get((pool.id, user_id))
        if pool.has_unique_participants and first and first.status in {"pending", "paid"}:
            raise AlreadyContributed

    def take(self, command: Pay, payment: Payment, *, now: datetime) -> Payment:
        """The payment has the share: it is paid, or on its way to. The payment with its share."""
        match command.share:
            case RequestShare(participant_id=UUID() as participant_id):
                asked = self.asked[participant_id]
                asked.payment_id, asked.updated_at = payment.id, now
                self.changed[asked.id] = asked
                if payment.fulfillment_status == "fulfilled":
                    self.requested_paid(asked.id, payment_id=payment.id, now=now)
                return payment._replace(request_id=asked.request_id, share=_state(asked))
            case Contribution() as contribution:
                row = self._contribute(command, contribution, payment, now=now)
                return payment._replace(pool_id=row.pool_id, share=_state(row))
            case _:
                return payment

    def requested_paid(self, participant_id: UUID, *, payment_id: UUID, now: datetime) -> None:
        """The participant has paid with this payment."""
        asked = self.asked[participant_id]
        request = self.requests[asked.request_id]
        asked.status, asked.payment_id, asked.updated_at = "paid", payment_id, now
        request.pending -= 1
        request.paid += 1
        request.amount_paid = EXACT.add(request.amount_paid, asked.amount)
        self.changed[asked.id], self.changed[request.id] = asked, request
        if request.receives_at is not None:
            money = Money(asked.amount, request.currency)
            self.forwardings.append(
                Forwarding(payment_id, request.owner_id, request.receives_at, money)
            )

    def requested_failed(self, participant_id: UUID, *, now: datetime) -> None:
        """The payment that was under way has failed: the participant is asked as before."""
        asked = self.asked[participant_id]
        asked.payment_id, asked.updated_at = None, now
        self.changed[asked.id] = asked

    def standing(self, participant_id: UUID | None) -> ShareState | None:
        """How a participant stands by now whose share is paid."""
        if participant_id is None:
            return None
        return _state(self.asked.get(participant_id) or self.contributors[participant_id])

    def _contribute(
        self, command: Pay, share: Contribution, payment: Payment, *, now: datetime
    ) -> Contributor:
        pool = self.pools[share.pool_id]
        row = self._row(pool, command, now=now)
        row.option_id, row.amount, row.updated_at = share.option_id, payment.amount, now
        row.meta = command.meta
        row.payment_id, row.transaction_id = payment.id, payment.transaction_id
        row.status = "pending"
        pool.pending += 1
        self.changed[pool.id] = pool
        if payment.fulfillment_status == "fulfilled":
            self.contributed(row, now=now)
        return row

    def _row(self, pool: Pooled, command: Pay, *, now: datetime) -> Contributor:
        """The row of a contribution: the person's first as long as nothing came of it."""
        first = self.firsts.get((pool.id, command.payer_id))
        if first is not None and first.status in {"invited", "rejected"}:
            pool.invited -= first.status == "invited"
            pool.rejected -= first.status == "rejected"
            self.changed[first.id] = first
            return first
        row = Contributor(
            id=uuid7(),
            pool_id=pool.id,
            user_id=command.payer_id,
            status="pending",
            amount=None,
            option_id=None,
            payment_id=None,
            transaction_id=None,
            meta=command.meta,
            is_first=first is None,
            is_invited=False,
            pool_created_at=pool.created_at,
            created_at=now,
            updated_at=now,
        )
        self.new.append(row)
        if first is None:
            self.firsts[pool.id, command.payer_id] = row
        return row

    def contributed(self, row: Contributor, *, now: datetime) -> None:
        """The money of a pending contribution is in the pool."""
        pool = self.pools[row.pool_id]
        assert row.amount is not None  # noqa: S101 - of everything that is pending
        row.status, row.updated_at = "paid", now
        pool.pending -= 1
        pool.paid += 1
        pool.amount = EXACT.add(pool.amount, row.amount)
        self.changed[pool.id] = pool
        if row.id in self.contributors:
            self.changed[row.id] = row

    def contribution_failed(self, row: Contributor, *, now: datetime) -> None:
        """The money of a pending contribution has not come: as if it had not been tried.

        Who has contributed besides takes part by that; who was invited still is.
        """
        pool, heir = self.pools[row.pool_id], self._heir(row)
        row.status, row.updated_at = "cancelled", now
        pool.pending -= 1
        if row.is_first and heir is not None:
            heir.is_first, heir.is_invited = True, row.is_invited
            row.is_first = row.is_invited = False
            self.changed[heir.id] = heir
        elif row.is_first and row.is_invited:
            row.status, row.meta = "invited", ""
            pool.invited += 1
        else:
            row.is_first = False
        self.changed[pool.id], self.changed[row.id] = pool, row

    def _heir(self, row: Contributor) -> Contributor | None:
        """The next contribution of the same person to the pool, paid or on its way."""
        others = (
            self.contributors.get(other.id, other)
            for other in self.living.get((row.pool_id, row.user_id), ())
            if other.id != row.id
        )
        return next((other for other in others if other.status in {"pending", "paid"}), None)


def _order(
    command: PayShare,
    share: Share,
    amount: Money,
    description: str,
    *,
    recipient_id: UUID | None = None,
) -> Pay:
    return Pay(
        key=command.key,
        payer_id=command.payer_id,
        payer_name=command.payer_name,
        pin=command.pin,
        funding_source_id=command.funding_source_id,
        recipient_user_id=recipient_id,
        amount=amount,
        source_currency=command.source_currency or amount.currency,
        description=description if command.description is None else command.description,
        meta=command.meta,
        render=command.render,
        share=share,
        means=command.means,
    )


def check_asked(asked: Asked) -> None:
    """Raise AlreadyPaid, ParticipantResponded or PaymentUnderWay, unless they are to answer."""
    if asked.status in {"paid", "settled"}:
        raise AlreadyPaid
    if asked.status != "pending":
        raise ParticipantResponded
    if not asked.is_waiting:
        raise PaymentUnderWay


def _state(row: Asked | Contributor) -> ShareState:
    return ShareState(row.id, row.status, row.meta, row.created_at, row.updated_at)
