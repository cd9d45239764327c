-- What every state-changing request leaves behind: its key, its answer, and what must happen after it.

-- The id digests dialect, credential, method, path and the client's key. The fingerprint is a keyed
-- digest of the request, so that it tells nobody a PIN.
create table request_key (
    id bytea primary key,
    number bigint generated always as identity,
    fingerprint bytea not null,
    created_at timestamptz not null
);
create index request_key_created on request_key using brin (created_at);

-- Apart from the key, which is taken first: adding a row is cheaper than widening one.
create table request_answer (
    number bigint primary key,
    status smallint not null,
    body bytea not null
);

-- Messages to people, written in the transaction that causes them and delivered by a job.
create table outbox (
    id bigint generated always as identity primary key,
    channel text not null check (channel in ('sms', 'email', 'call', 'push')),
    recipient text not null,
    kind text not null,
    locale text not null,
    data jsonb not null,
    attempts smallint not null default 0,
    -- When to try (again); moved ahead while a delivery is under way, so that a crash only delays it.
    due_at timestamptz not null,
    last_error text,
    -- Set when the last attempt failed; the row is kept for a while to be looked at.
    failed_at timestamptz,
    created_at timestamptz not null
);
create index outbox_due on outbox (channel, due_at) where failed_at is null;
-- Codes do not wait behind a crowd of receipts.
create index outbox_codes on outbox (channel, due_at)
    where failed_at is null and kind in ('verification_code', 'login_code');

-- The sandbox's post office: what would have been sent, moved here from the outbox as it is. Its text
-- is made when somebody reads it.
create table sandbox_message (
    id bigint primary key,
    channel text not null,
    recipient text not null,
    kind text not null,
    locale text not null,
    data jsonb not null,
    created_at timestamptz not null
);
create index sandbox_message_recipient on sandbox_message (recipient, id);

-- Counters of attempts per window, shared by all processes.
create table throttle (
    -- A keyed digest of what is limited and for whom: no address is stored.
    subject bytea not null,
    window_start timestamptz not null,
    count integer not null,
    primary key (subject, window_start)
);
create index throttle_window on throttle (window_start);
