-- The lists of pools and of their participants, and participants sent out as a file.

create index pool_public_status on pool (status, created_at, id) where is_public;
create index pool_public_name on pool (description, id) where is_public;

create index pool_participant_updated on pool_participant (pool_id, updated_at, id);
-- In a pool that many have paid into, those who have not are soon found.
create index pool_participant_unpaid on pool_participant (pool_id, created_at, id)
    where status <> 'paid';
-- Somebody's own rows beyond the first.
create index pool_participant_again on pool_participant (pool_id, user_id, created_at, id)
    where not is_first;

create table pool_export (
    id uuid primary key,
    pool_id uuid not null references pool (id),
    user_id uuid not null references users (id),
    email text not null,
    format text not null check (format in ('csv', 'excel')),
    -- The language of the mail and of the headings.
    locale text not null,
    attempts smallint not null default 0,
    -- When it is tried next.
    due_at timestamptz not null,
    sent_at timestamptz,
    failed_at timestamptz,
    last_error text not null default '',
    created_at timestamptz not null,
    check (sent_at is null or failed_at is null)
);
create index pool_export_due on pool_export (due_at) where sent_at is null and failed_at is null;
create index pool_export_created on pool_export (created_at);
