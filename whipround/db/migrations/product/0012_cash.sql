-- Contributions that are paid in cash at a shop: ordered, paid, and then a payment like any other.

create table cash_order (
    -- The key under which the cash desk is asked.
    id uuid primary key,
    number bigint generated always as identity,
    user_id uuid not null references users (id),
    -- What it is to be contributed to.
    pool_id uuid not null references pool (id),
    amount numeric(28, 8) not null check (amount > 0),
    currency text not null,
    description text not null,
    gateway text not null,
    -- opening: the cash desk has not answered. failed: it has not taken the order.
    status text not null check (status in ('opening', 'waiting', 'paid', 'expired', 'failed')),
    -- What the payer shows at the shop, and what the cash desk itself knows it by. That it is nobody
    -- else's is for the desk to see to: nothing is found by it here.
    reference text,
    slip_id text not null default '',
    error_code text not null default '',
    expires_at timestamptz not null,
    -- What was paid, which is here from that moment on.
    paid_amount numeric(28, 8) check (paid_amount > 0),
    paid_at timestamptz,
    -- The payment that it became; null as long as it is on its way into the pool.
    payment_id uuid unique references payment (id),
    -- How often neither the pool nor the payer's wallet could take it.
    refused smallint not null default 0,
    -- The number of the request key whose answer waits for the cash desk.
    request_number bigint,
    attempts smallint not null default 0,
    -- When the sweep is to look after it; null once nothing more is expected.
    due_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check ((status = 'paid') = (paid_amount is not null)),
    check ((paid_amount is null) = (paid_at is null)),
    check (payment_id is null or status = 'paid')
);
create unique index cash_order_number on cash_order (number);
create index cash_order_due on cash_order (due_at) where due_at is not null;
create index cash_order_unpaid on cash_order (user_id) where status in ('opening', 'waiting');
create index cash_order_request on cash_order (request_number) where request_number is not null;

-- The sandbox's cash desk: which slips it has made, and which of them were paid.
create table sandbox_slip (
    key uuid primary key,
    reference text not null unique,
    amount numeric(28, 8) not null,
    currency text not null,
    paid_at timestamptz,
    expires_at timestamptz not null,
    created_at timestamptz not null
);
