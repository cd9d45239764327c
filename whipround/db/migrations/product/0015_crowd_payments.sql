-- Payments that a script divides among many, pledges, and what their dialect needs of people.

-- Somebody can be paid at the address of a profile that they have elsewhere, too.
alter table payee
    drop constraint payee_kind_check,
    add constraint payee_kind_check check (kind in ('phone', 'email', 'profile'));

-- What was shown to whoever is about to pay. The digest is of the hash that confirms it.
create table crowd_preview (
    id uuid primary key,
    digest bytea not null unique,
    -- Null for somebody who has not said who they are: whoever confirms it first pays.
    user_id uuid,
    plan bytea not null,
    used_at timestamptz,
    -- Whose limits have counted those who are written to when it is confirmed.
    counted_for uuid,
    expires_at timestamptz not null,
    created_at timestamptz not null
);
create index crowd_preview_expires on crowd_preview (expires_at);
create index crowd_preview_unused on crowd_preview (expires_at) where used_at is null;

-- A payment that is divided by a script: at once, or, of a pledge, once it is claimed. Each share is
-- a payment of its own; their money moves in one transfer.
create table crowd_payment (
    id uuid primary key,
    -- Its id where ids are integers, of the same kind as those of payments.
    number bigint not null default nextval('payment_number_seq'),
    owner_id uuid not null,
    -- The wallet that pays.
    funding_source_id uuid not null,
    status text not null check (status in ('pledged', 'paid', 'revoked', 'expired')),
    amount numeric(28, 8) not null check (amount > 0),
    -- On top of the amount; each share has its own part of it.
    fee numeric(28, 8) not null check (fee >= 0),
    currency text not null,
    -- What was paid for, in its normal form, and whose that is: the host, without a port.
    url text,
    host text,
    referrer text,
    is_invoiced boolean not null,
    title text not null default '',
    description text not null default '',
    image text,
    language text,
    copyright text,
    message text not null default '',
    keywords text[] not null,
    favicon text,
    -- The users who took part in what was pledged to: they are told when the pledge is revoked.
    participants uuid[] not null default '{}',
    expires_at timestamptz,
    created_at timestamptz not null,
    -- When it was divided.
    paid_at timestamptz,
    updated_at timestamptz not null,
    constraint crowd_payment_states check (
        (status = 'paid') = (paid_at is not null) and (status <> 'pledged' or expires_at is not null)
    )
);
create index crowd_payment_owner on crowd_payment (owner_id, created_at, id)
    where status in ('pledged', 'paid');
create index crowd_payment_url on crowd_payment (url, created_at, id)
    where url is not null and status in ('pledged', 'paid');
create index crowd_payment_host on crowd_payment (host, created_at, id)
    where host is not null and status in ('pledged', 'paid');
create index crowd_payment_pledged_to on crowd_payment (url, id) where status = 'pledged';
create index crowd_payment_pledged_by on crowd_payment (owner_id, created_at, id)
    where status = 'pledged';
create index crowd_payment_expires on crowd_payment (expires_at, id) where status = 'pledged';

-- What makes a payment a share of a crowd payment.
create table crowd_share (
    payment_id uuid primary key,
    crowd_id uuid not null,
    position integer not null,
    role text not null,
    -- Of the amount of the crowd payment.
    percentage numeric(11, 8) not null check (percentage between 0 and 100),
    -- Who is paid, as the script says it, in the normal form (`mailto:…`, `https://…`, a username).
    recipient text not null,
    unique (crowd_id, position)
);

-- Of very many shares few are given back.
create index payment_refunded on payment (owner_id, created_at) where refunded > 0;

-- When somebody logged in last, and the time before, through what remembers it.
alter table users
    add column last_login_at timestamptz,
    add column previous_login_at timestamptz;

-- What stands on invoices.
create table billing_profile (
    user_id uuid primary key references users (id),
    company_name text not null default '',
    vat_number text not null default '',
    address text not null default '',
    zip text not null default '',
    city text not null default '',
    country text not null default '',
    updated_at timestamptz not null
);

-- A link that logs in, one that proves a further address, and one that says that money waits: the
-- last is nobody's yet.
alter table mailed_token
    alter column user_id drop not null,
    drop constraint mailed_token_kind_check,
    add constraint mailed_token_kind_check check (
        kind in ('confirmation', 'password_reset', 'login_link', 'email_id', 'claim')),
    add constraint mailed_token_of_somebody check (kind = 'claim' or user_id is not null);

-- Who waits for one of these waits as for a code.
drop index outbox_codes;
create index outbox_codes on outbox (channel, due_at)
    where failed_at is null
        and kind in ('verification_code', 'login_code', 'email_confirmation', 'password_reset',
            'login_link', 'email_id');

-- Logins at providers that are under way, to prove a profile.
create table oauth_login (
    digest bytea primary key,
    provider text not null,
    user_id uuid not null references users (id),
    -- What proves to the provider that who comes back is who was sent (RFC 7636), sealed.
    verifier bytea not null,
    expires_at timestamptz not null,
    created_at timestamptz not null
);
create index oauth_login_expires on oauth_login (expires_at);

-- What was paid and got no further than its payer's own wallet, which is a deposit there: somebody
-- may have paid thousands of shares between two of those.
create index transaction_came_back on transaction (out_user_id, created_at, id)
    where status in ('cancelled', 'failed');
