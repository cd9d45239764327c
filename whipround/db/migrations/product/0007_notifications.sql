-- What people are told, and what they have opened.

create table notification (
    id uuid primary key,
    user_id uuid not null,
    -- Who did it; null where nobody did.
    actor_id uuid,
    -- Names its text, as a message's does: payment_received.
    kind text not null,
    -- The payment, request or pool.
    object_id uuid not null,
    -- What fills the text.
    data jsonb not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index notification_user on notification (user_id, created_at, id);

-- A moment is a payment, a request or a pool as one of its people sees it: kept here is only when
-- they first opened it.
create table moment_read (
    user_id uuid not null references users (id),
    moment_id uuid not null,
    read_at timestamptz not null,
    primary key (user_id, moment_id)
);

-- Payments for requests and pools are no moments: with many of those, the others are to be found all
-- the same, and no payment is to be in more indexes than before.
drop index payment_owner;
create index payment_owner on payment (owner_id, created_at, id)
    where kind in ('payment', 'top_up', 'withdrawal');
create index payment_owner_shares on payment (owner_id, created_at, id)
    where kind in ('request', 'contribution', 'payout');
drop index payment_recipient;
create index payment_recipient on payment (recipient_user_id, created_at, id)
    where kind = 'payment' and recipient_status = 'paid';
create index payment_recipient_requests on payment (recipient_user_id, created_at, id)
    where kind = 'request' and recipient_status = 'paid';

-- The other moments of a person, in the order they are shown in.
create index pool_owner_open on pool (owner_id, created_at, id) where status = 'open';
create index pool_participant_moment on pool_participant (user_id, created_at, id) where is_first;

-- Whose device a token is by now; a token may be too long for any other kind of index.
create index device_gcm_token on device using hash (gcm_device_token) where gcm_device_token <> '';
