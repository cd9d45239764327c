-- Requests and pools: people ask each other for money, and put it together.

create table payment_request (
    id uuid primary key,
    number bigint generated always as identity,
    owner_id uuid not null references users (id),
    -- Where what is paid goes.
    funding_source_id uuid not null references funding_source (id),
    amount numeric(28, 8) not null check (amount > 0),
    currency text not null,
    description text not null,
    meta text not null,
    only_owner_sees_participants boolean not null,
    status text not null check (status in ('open', 'closed')),
    fulfillment_status text not null check (fulfillment_status in ('unfulfilled', 'partial', 'fulfilled')),
    -- Kept beside the participants, whose rows are never counted on reading. What is settled is paid.
    amount_paid numeric(28, 8) not null default 0 check (amount_paid between 0 and amount),
    pending_count integer not null check (pending_count >= 0),
    paid_count integer not null default 0 check (paid_count >= 0),
    rejected_count integer not null default 0 check (rejected_count >= 0),
    cancelled_count integer not null default 0 check (cancelled_count >= 0),
    created_at timestamptz not null,
    updated_at timestamptz not null
) with (fillfactor = 80);
create index payment_request_owner on payment_request (owner_id, created_at, id);
create index payment_request_open on payment_request (owner_id, created_at, id) where status = 'open';
create index payment_request_receives on payment_request (funding_source_id) where status = 'open';

create table request_participant (
    id uuid primary key,
    request_id uuid not null references payment_request (id) on delete cascade,
    -- Null until somebody proves the address.
    user_id uuid references users (id),
    payee_id uuid references payee (id),
    name text not null,
    amount numeric(28, 8) not null check (amount > 0),
    status text not null check (status in ('pending', 'paid', 'settled', 'rejected', 'cancelled')),
    -- The payment that paid it or, while it is pending, is under way to.
    payment_id uuid,
    meta text not null,
    -- Whether the request is, for the list of those that somebody is asked by.
    is_open boolean not null default true,
    -- How often they were reminded within a day of `reminded_since`.
    reminders smallint not null default 0,
    reminded_since timestamptz,
    -- That of the request too: nobody is added later.
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check (user_id is not null or payee_id is not null)
) with (fillfactor = 80);
create index request_participant_request on request_participant (request_id, created_at, id);
create index request_participant_user on request_participant (user_id, created_at, id);
create index request_participant_open on request_participant (user_id, created_at, id)
    where is_open;
create index request_participant_pending on request_participant (user_id, created_at, id)
    where status = 'pending';
create index request_participant_payee on request_participant (payee_id) where user_id is null;

create table pool (
    id uuid primary key,
    number bigint generated always as identity,
    owner_id uuid not null references users (id),
    -- Where it is paid out to.
    funding_source_id uuid not null references funding_source (id),
    account_id uuid not null,
    currency text not null,
    description text not null,
    detailed_description text not null,
    hashtag text not null,
    meta text not null,
    is_public boolean not null,
    only_owner_sees_participants boolean not null,
    has_unique_participants boolean not null,
    allows_optional_amount boolean not null,
    minimum_user_amount numeric(28, 8) check (minimum_user_amount > 0),
    maximum_user_amount numeric(28, 8) check (maximum_user_amount >= coalesce(minimum_user_amount, 0)),
    status text not null check (status in ('open', 'closed')),
    fulfillment_status text not null check (fulfillment_status in ('unfulfilled', 'fulfilled')),
    -- Kept beside the participants, whose rows are never counted on reading.
    amount numeric(28, 8) not null default 0 check (amount >= 0),
    invited_count integer not null default 0 check (invited_count >= 0),
    paid_count integer not null default 0 check (paid_count >= 0),
    pending_count integer not null default 0 check (pending_count >= 0),
    rejected_count integer not null default 0 check (rejected_count >= 0),
    start_at timestamptz,
    end_at timestamptz,
    closed_at timestamptz,
    -- What paid it out; null while it is open, and if there was nothing in it.
    payout_id uuid,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    words tsvector not null generated always as (
        to_tsvector('simple', description || ' ' || detailed_description || ' ' || hashtag)
    ) stored,
    check (end_at > start_at),
    check ((status = 'closed') = (closed_at is not null))
) with (fillfactor = 50); -- its totals move in place with every contribution
create index pool_owner on pool (owner_id, created_at, id);
create index pool_public on pool (created_at, id) where is_public;
create index pool_words on pool using gin (words);
create index pool_ends on pool (end_at) where status = 'open';
create index pool_receives on pool (funding_source_id) where status = 'open';

create table contribution_option (
    id uuid primary key,
    pool_id uuid not null references pool (id),
    position smallint not null,
    title text not null,
    amount numeric(28, 8) not null check (amount > 0),
    unique (pool_id, position)
);

create table pool_participant (
    id uuid primary key,
    pool_id uuid not null,
    user_id uuid not null,
    status text not null check (status in ('invited', 'pending', 'paid', 'rejected', 'cancelled')),
    -- What was contributed; null as long as that is nothing.
    amount numeric(28, 8) check (amount > 0),
    option_id uuid,
    payment_id uuid,
    transaction_id uuid,
    meta text not null,
    -- Whether it is the user's first row in this pool. Each further contribution is a row of its own.
    is_first boolean not null,
    -- Whether it began as an invitation, which it is again if the contribution fails.
    is_invited boolean not null,
    -- For the list of the pools that somebody has to do with.
    pool_created_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check ((status in ('pending', 'paid')) <= (amount is not null and payment_id is not null))
);
create unique index pool_participant_first on pool_participant (pool_id, user_id) where is_first;
create index pool_participant_pool on pool_participant (pool_id, created_at, id);
create index pool_participant_user on pool_participant (user_id, pool_created_at, pool_id)
    where is_first;

alter table payment
    drop constraint payment_kind_check,
    add constraint payment_kind_check check (
        kind in ('payment', 'top_up', 'withdrawal', 'request', 'contribution', 'payout')
    ),
    -- What it pays for, where it pays for something: a participant's share of a request, a
    -- contribution to a pool, or the payout of a pool.
    add column request_id uuid,
    add column pool_id uuid,
    add column participant_id uuid,
    add constraint payment_pays_for check (
        (kind = 'request') = (request_id is not null)
        and (kind in ('contribution', 'payout')) = (pool_id is not null)
        and (kind in ('request', 'contribution')) = (participant_id is not null)
    ),
    -- A payout comes out of a pool, which is no funding source.
    alter column funding_source_id drop not null,
    add constraint payment_paid_from check ((kind = 'payout') = (funding_source_id is null));
alter table transaction alter column out_funding_source_id drop not null;
create index payment_open on payment (owner_id, created_at, id) where status = 'open';

-- What is to go on from a wallet to the bank account that its request or pool receives with.
create table forwarding (
    payment_id uuid primary key references payment (id),
    user_id uuid not null references users (id),
    funding_source_id uuid not null references funding_source (id),
    amount numeric(28, 8) not null check (amount > 0),
    currency text not null,
    -- kept: it stays in the wallet, as it could not be paid out.
    status text not null check (status in ('waiting', 'sent', 'kept')),
    -- The withdrawal that carries it.
    withdrawal_id uuid unique references payment (id),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check ((status = 'sent') = (withdrawal_id is not null))
);
create index forwarding_waiting on forwarding (created_at) where status = 'waiting';
create index forwarding_source on forwarding (funding_source_id) where status = 'waiting';
