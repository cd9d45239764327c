-- People, how they prove who they are, and how they stand to each other.

create table users (
    id uuid primary key,
    -- 'locked' is not stored: it is what an active user is until locked_until.
    status text not null check (status in ('pending', 'active', 'rejected')),
    first_name text not null,
    last_name text not null,
    full_name text not null generated always as (
        case when last_name = '' then first_name else first_name || ' ' || last_name end
    ) stored,
    username text not null,
    country text not null,
    timezone text not null,
    locale text not null,
    verified boolean not null default false,
    official boolean not null default false,
    email text,
    email_verified_at timestamptz,
    phone text,
    phone_verified_at timestamptz,
    date_of_birth date,
    preferences text not null default '{}',
    meta text not null default '',
    -- Where the client says the picture is; fetched by a job.
    image_url text,
    parent_user_id uuid references users (id),
    password_hash text,
    pin_digest bytea not null,
    pin_failures smallint not null default 0,
    -- How often wrong PINs have locked the user: each time doubles the next.
    locks smallint not null default 0,
    locked_until timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    names tsvector not null generated always as (
        to_tsvector('simple', first_name || ' ' || last_name || ' ' || username)
    ) stored
) with (fillfactor = 90);

create unique index users_username on users (lower(username));
-- An address that nobody has proven blocks nobody.
create unique index users_email on users (lower(email)) where email_verified_at is not null;
create unique index users_phone on users (phone) where phone_verified_at is not null;
create index users_names on users using gin (names);

create table device (
    user_id uuid not null references users (id),
    -- Chosen by the device itself, so it is unique within its user only.
    id uuid not null,
    make text not null,
    model text not null,
    os_name text not null,
    os_version text not null,
    apn_device_token text not null default '',
    gcm_device_token text not null default '',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (user_id, id)
);

-- Authentication tokens (long-lived; they only open sessions). Secrets are kept as SHA-256.
create table token (
    id uuid primary key,
    user_id uuid not null references users (id),
    status text not null check (status in ('pending', 'approved', 'rejected')),
    authenticator text not null,
    digest bytea not null unique,
    -- The secret handed out while the login was still pending; it becomes good with it.
    pending_digest bytea unique,
    -- The device as the login described it; it becomes the user's when the login is approved.
    device jsonb not null,
    device_id uuid not null,
    code_digest bytea,
    code_expires_at timestamptz,
    attempts smallint not null default 0,
    error_code text not null default '',
    expires_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index token_user on token (user_id);
create index token_expires on token (expires_at);

create table session (
    id uuid primary key,
    token_id uuid not null references token (id) on delete cascade,
    user_id uuid not null references users (id),
    device_id uuid not null,
    digest bytea not null unique,
    expires_at timestamptz not null,
    created_at timestamptz not null
);
create index session_token on session (token_id);
create index session_of_user on session (user_id);
create index session_expires on session (expires_at);

create table verification (
    id uuid primary key,
    -- Null when somebody not yet signed up asked for it.
    user_id uuid references users (id),
    type text not null check (type in ('sms', 'email', 'call')),
    recipient text not null,
    event text not null,
    status text not null check (status in ('pending', 'approved', 'rejected', 'cancelled', 'failed')),
    attempts smallint not null default 1,
    error_code text not null default '',
    code_digest bytea not null,
    -- A verification proves one change, once.
    used_at timestamptz,
    approved_at timestamptz,
    expires_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index verification_recipient on verification (recipient, created_at);
create index verification_expires on verification (expires_at);

create table relationship (
    id uuid primary key,
    user_id uuid not null references users (id),
    other_user_id uuid not null references users (id),
    type text not null check (type in ('blocked', 'contact', 'following', 'friend', 'guardian')),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (user_id, other_user_id, type),
    check (user_id <> other_user_id)
);
create index relationship_other on relationship (other_user_id, type);
