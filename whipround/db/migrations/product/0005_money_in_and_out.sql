-- Money in and out: cards and banks, what the outside was asked and said, refunds, limits, rates.

-- What a product calls its types of funding source, and what each of them is at bottom.
create table funding_source_type (
    name text primary key,
    base text not null check (base in ('virtual', 'bank_account', 'card', 'crypto_address')),
    created_at timestamptz not null default now()
);
insert into funding_source_type (name, base) values
    ('virtual', 'virtual'), ('bank_account', 'bank_account'), ('card', 'card'),
    ('crypto_address', 'crypto_address'), ('savings_account', 'bank_account'),
    ('standard_credit_card', 'card');

alter table funding_source
    -- The type by the name it was made under; `type` is what it is at bottom.
    add column type_name text,
    -- The code on its statement that proves whose it is.
    add column code_digest bytea,
    add column code_attempts smallint not null default 0,
    add column code_expires_at timestamptz,
    -- It is seen no more; its history stays.
    add column deleted_at timestamptz;
update funding_source set type_name = type;
alter table funding_source alter column type_name set not null;

create table card (
    id uuid primary key,
    funding_source_id uuid not null unique references funding_source (id),
    -- Whether it is expired is a question of the day.
    status text not null check (status in ('active', 'rejected', 'cancelled')),
    type text not null check (type in ('debit', 'credit')),
    brand text not null,
    last_digits text not null,
    owner_id text not null default '',
    expiration_month smallint not null check (expiration_month between 1 and 12),
    expiration_year smallint not null,
    -- What the processor knows it by, sealed with the key that is not in the database.
    sealed bytea,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table bank_account (
    id uuid primary key,
    funding_source_id uuid not null unique references funding_source (id),
    country text not null,
    swift text not null,
    iban text not null,
    account_number text not null,
    owner_id text not null,
    enabled boolean not null,
    sealed bytea,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table crypto_address (
    id uuid primary key,
    funding_source_id uuid not null unique references funding_source (id),
    currency text not null,
    address text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- What the outside was asked. The id is the key under which it is asked, however often.
create table gateway_call (
    id uuid primary key,
    gateway text not null check (gateway in ('cards', 'banks')),
    kind text not null check (kind in ('register', 'charge', 'refund', 'payout')),
    -- The card or account that is registered, charged, or paid out to.
    funding_source_id uuid not null,
    -- The transaction whose money it moves; null where none moves.
    transaction_id uuid unique,
    -- Of a refund: the call that charged what goes back.
    charge_id uuid,
    amount numeric(28, 8) check (amount > 0),
    currency text,
    -- open: no word yet. failed: a payout that came back after it was approved. cancelled: the
    -- outside never heard of it, and shall not any more. overpaid: it did all the same, once the
    -- money had gone back here; the audit tells of it.
    status text not null check (
        status in ('open', 'pending', 'approved', 'declined', 'failed', 'cancelled', 'overpaid')
    ),
    error_code text not null default '',
    authorization_code text not null default '',
    reference_code text not null default '',
    tracking_code text not null default '',
    processed_at timestamptz,
    -- The number of the request key whose answer waits for the outcome.
    request_number bigint,
    attempts smallint not null default 0,
    -- When the sweep is to ask (again); null once nothing more is expected.
    due_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check ((kind = 'register') = (transaction_id is null)),
    check ((kind = 'register') = (amount is null and currency is null)),
    check ((kind = 'refund') = (charge_id is not null))
);
create index gateway_call_due on gateway_call (due_at) where due_at is not null;
create index gateway_call_unfinished on gateway_call (funding_source_id)
    where status in ('open', 'pending');
create index gateway_call_declined on gateway_call (funding_source_id, created_at)
    where status = 'declined' and kind = 'charge';
create index gateway_call_request on gateway_call (request_number) where request_number is not null;

alter table payment
    add column kind text not null default 'payment'
        check (kind in ('payment', 'top_up', 'withdrawal')),
    -- Of a payment that converts: what was taken for the amount, without the fee, which is in the
    -- same currency; else null.
    add column source_amount numeric(28, 8) check (source_amount > 0),
    add column source_currency text,
    add column exchange_rate numeric check (exchange_rate > 0),
    -- How much of amount, fee and source_amount went back to the payer, or is on its way there.
    add column refunded numeric(28, 8) not null default 0
        check (refunded >= 0 and refunded <= amount),
    add column refunded_fee numeric(28, 8) not null default 0
        check (refunded_fee >= 0 and refunded_fee <= fee),
    add column refunded_source numeric(28, 8) not null default 0
        check (refunded_source >= 0 and refunded_source <= coalesce(source_amount, 0)),
    add constraint payment_converts check (
        (source_amount is null) = (source_currency is null)
        and (source_amount is null) = (exchange_rate is null)
    );

-- Who is paid sees what has come, and so finds nothing else there: what a card declines is no part of
-- anybody's list but the payer's.
drop index payment_recipient;
create index payment_recipient on payment (recipient_user_id, created_at, id)
    where recipient_status = 'paid';

alter table transaction
    add column kind text not null default 'payment' check (kind in ('payment', 'refund')),
    add column source_amount numeric(28, 8),
    add column source_currency text,
    add column exchange_rate numeric;

drop index transaction_in;
create index transaction_in on transaction (in_user_id, created_at, id)
    where status = 'approved' or kind = 'refund';
create index transaction_strayed on transaction (out_user_id, created_at, id)
    where status in ('cancelled', 'failed');

-- Money going back from a recipient to the payer. Amounts as on the payment: `amount` leaves the
-- recipient, `fee` and `source_amount` are what came with it when it was paid.
create table refund (
    id uuid primary key,
    number bigint generated always as identity,
    payment_id uuid not null references payment (id),
    transaction_id uuid not null unique,
    amount numeric(28, 8) not null check (amount > 0),
    fee numeric(28, 8) not null check (fee >= 0),
    currency text not null,
    source_amount numeric(28, 8),
    source_currency text,
    description text not null,
    meta text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index refund_payment on refund (payment_id, created_at, id);

alter table holding
    -- What the recipient gets for `amount`, where the payment converts; else null.
    add column pays_amount numeric(28, 8),
    add column pays_currency text;

create table limit_rule (
    id uuid primary key,
    title text not null,
    -- A name or a base of a type.
    funding_source_type text not null,
    currency text not null,
    -- Whether it limits what goes into such a source or out of it.
    direction text not null check (direction in ('in', 'out')),
    period text not null check (period in ('payment', 'day', 'week', 'month')),
    is_rolling boolean not null,
    amount numeric(28, 8) not null check (amount > 0),
    -- For people who are verified; null: no limit.
    verified_amount numeric(28, 8) check (verified_amount >= amount),
    unique (funding_source_type, currency, direction, period)
);

-- What went through a source on a day (UTC), for as long as some limit looks back.
create table limit_usage (
    funding_source_id uuid not null,
    currency text not null,
    direction text not null check (direction in ('in', 'out')),
    day date not null,
    count integer not null,
    amount numeric(28, 8) not null,
    primary key (funding_source_id, currency, direction, day)
);
create index limit_usage_day on limit_usage (day);

-- Units of a currency for one euro, as published for a day.
create table exchange_rate (
    currency text primary key check (currency ~ '^[A-Z]{3}$' and currency <> 'EUR'),
    per_euro numeric not null check (per_euro > 0),
    published_on date not null,
    loaded_at timestamptz not null
);

-- One row: what a conversion costs, in per cent of the rate.
create table exchange_setting (
    is_only boolean primary key default true check (is_only),
    spread_percent numeric not null check (spread_percent >= 0 and spread_percent < 100)
);

-- Verifications in a single step: data that somebody looks at and decides about.
alter table verification
    drop constraint verification_type_check,
    add constraint verification_type_check
        check (type in ('sms', 'email', 'call', 'passport', 'drivers_license')),
    alter column code_digest drop not null,
    -- What was sent, sealed, for as long as it is to be decided about.
    add column sealed bytea,
    add column error_message text not null default '',
    add column decided_at timestamptz,
    add check ((code_digest is null) = (type in ('passport', 'drivers_license'))),
    add check (code_digest is not null or user_id is not null),
    add check ((sealed is not null) = (code_digest is null and status = 'pending'));
create index verification_undecided on verification (user_id) where sealed is not null;
create index verification_undecided_expires on verification (expires_at) where sealed is not null;
-- Those without a code are kept.
drop index verification_expires;
create index verification_expires on verification (expires_at) where code_digest is not null;

alter table outbox
    drop constraint outbox_channel_check,
    add constraint outbox_channel_check
        check (channel in ('sms', 'email', 'call', 'push', 'statement'));

-- The sandbox's processor: what it was asked under which key, and what became of it.
create table sandbox_operation (
    key uuid primary key,
    kind text not null check (kind in ('charge', 'refund', 'payout')),
    amount numeric(28, 8) not null,
    currency text not null,
    charge_key uuid,
    status text not null check (status in ('approved', 'declined', 'pending')),
    error_code text not null default '',
    authorization_code text not null default '',
    reference_code text not null default '',
    tracking_code text not null default '',
    processed_at timestamptz,
    -- When a pending one is approved by itself.
    approves_at timestamptz,
    created_at timestamptz not null
);
create index sandbox_operation_charge on sandbox_operation (charge_key)
    where charge_key is not null;
