-- Whom people know, and what the operator tells all of them.

create table contact (
    id uuid primary key,
    owner_id uuid not null references users (id),
    -- Null for somebody who is not registered.
    user_id uuid references users (id),
    -- What the owner calls them; of a user, what is shown while the owner may not see the user.
    first_name text not null,
    last_name text not null,
    full_name text not null generated always as (
        case when last_name = '' then first_name else first_name || ' ' || last_name end
    ) stored,
    -- As the owner gave it; null if they named a user.
    phone text,
    country text not null,
    meta text not null default '',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (owner_id, user_id),
    check (owner_id <> user_id)
);
create index contact_owner on contact (owner_id, created_at, id);
-- Whose contact becomes a user when the number is proven.
create unique index contact_phone on contact (phone, owner_id) where user_id is null;

create table announcement (
    id uuid primary key,
    type text not null check (type in ('general')),
    title text not null,
    message text not null,
    button_label text not null default '',
    button_url text not null default '',
    webview_url text not null default '',
    is_dismissible boolean not null default true,
    is_fullscreen boolean not null default false,
    -- Shown from then on.
    start_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index announcement_created on announcement (created_at, id);
create index announcement_start on announcement (start_at, id);

create table announcement_ack (
    announcement_id uuid not null references announcement (id) on delete cascade,
    user_id uuid not null references users (id),
    acknowledged_at timestamptz not null,
    primary key (announcement_id, user_id)
);
