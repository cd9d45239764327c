-- Where money comes from and goes to, and the payments themselves.

create table funding_source (
    id uuid primary key,
    user_id uuid not null references users (id),
    type text not null,
    description text not null,
    meta text not null default '',
    gateway text not null default '',
    allows_in boolean not null,
    allows_out boolean not null,
    status text not null check (status in ('pending', 'enabled', 'disabled', 'rejected')),
    verified_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index funding_source_user on funding_source (user_id, created_at, id);
-- Each user has one wallet.
create unique index funding_source_wallet on funding_source (user_id) where type = 'virtual';

create table fee_rule (
    -- What is paid for ('payment') and from what ('virtual').
    kind text not null,
    funding_source_type text not null,
    currency text not null,
    title text not null,
    percent numeric not null default 0 check (percent >= 0 and percent <= 100),
    fixed numeric(28, 8) not null default 0 check (fixed >= 0),
    minimum numeric(28, 8) not null default 0 check (minimum >= 0),
    maximum numeric(28, 8) check (maximum >= minimum),
    primary key (kind, funding_source_type, currency)
);

-- An address somebody may be paid at. Nobody's until proven; then one user's.
create table payee (
    id uuid primary key,
    kind text not null check (kind in ('phone', 'email')),
    address text not null,
    user_id uuid references users (id),
    -- How many messages went there that money waits, since when.
    told smallint not null default 0,
    told_since timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (kind, address)
);
create index payee_user on payee (user_id);

-- Money waiting for a payee in an account of its own: amount and fee together.
create table holding (
    id uuid primary key,
    payee_id uuid not null references payee (id),
    account_id uuid not null,
    -- The account it came from, to which it returns.
    source_account_id uuid not null,
    source_id uuid not null,
    -- What waits: 'payment' and its id.
    kind text not null,
    object_id uuid not null unique,
    transaction_id uuid not null,
    amount numeric(28, 8) not null,
    fee numeric(28, 8) not null,
    currency text not null,
    status text not null check (status in ('held', 'claimed', 'returned')),
    error_code text not null default '',
    expires_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index holding_payee on holding (payee_id) where status = 'held';
create index holding_source on holding (source_id) where status = 'held';
create index holding_expires on holding (expires_at) where status = 'held';

-- No foreign keys on the hot tables: the batch that inserts has just read, and locked, what they name.
create table payment (
    id uuid primary key,
    number bigint generated always as identity,
    owner_id uuid not null,
    funding_source_id uuid not null,
    amount numeric(28, 8) not null check (amount > 0),
    fee numeric(28, 8) not null check (fee >= 0),
    currency text not null,
    description text not null,
    meta text not null,
    image_url text,
    status text not null check (status in ('open', 'closed')),
    fulfillment_status text not null check (fulfillment_status in ('unfulfilled', 'partial', 'fulfilled')),
    recipient_id uuid not null,
    recipient_user_id uuid,
    recipient_payee_id uuid,
    recipient_name text not null,
    recipient_meta text not null,
    recipient_status text not null check (recipient_status in ('pending', 'paid', 'cancelled')),
    transaction_id uuid not null,
    expires_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index payment_owner on payment (owner_id, created_at, id);
create index payment_recipient on payment (recipient_user_id, created_at, id);

create table transaction (
    id uuid primary key,
    payment_id uuid not null,
    out_user_id uuid not null,
    in_user_id uuid,
    out_funding_source_id uuid not null,
    in_funding_source_id uuid,
    status text not null check (status in ('active', 'approved', 'rejected', 'cancelled', 'failed')),
    amount numeric(28, 8) not null,
    fee numeric(28, 8) not null,
    currency text not null,
    tracking_code text not null,
    meta text not null default '',
    error_code text not null default '',
    expires_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index transaction_out on transaction (out_user_id, created_at, id);
create index transaction_in on transaction (in_user_id, created_at, id);
