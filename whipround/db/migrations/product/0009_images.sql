-- Pictures of people, payments, requests, pools and announcements.

create table image (
    id uuid primary key,
    owner_id uuid references users (id),
    -- What it is a picture of; null while it is of nothing yet.
    object_type text check (object_type in ('user', 'payment', 'request', 'pool', 'announcement')),
    object_id uuid,
    -- Its place among the pictures of the object, of which the first is shown.
    position smallint not null default 0,
    -- wanted: to be fetched from source_url by a job. storing: its files are being written.
    -- removed: its files are to be deleted, and the row with them.
    status text not null check (status in ('wanted', 'storing', 'ready', 'failed', 'removed')),
    source_url text,
    attempts smallint not null default 0,
    due_at timestamptz,
    error_code text not null default '',
    description text not null default '',
    meta text not null default '',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    check ((object_type is null) = (object_id is null)),
    check (status <> 'wanted' or (source_url is not null and due_at is not null))
);
create index image_object on image (object_id, position, created_at) where object_id is not null;
create index image_owner on image (owner_id);
create index image_wanted on image (due_at) where status = 'wanted';
create index image_unused on image (created_at) where object_id is null;
create index image_gone on image (updated_at) where status in ('failed', 'removed');

-- What a person looks like now: that row of image, at hand wherever the person is.
alter table users
    add column image_id uuid,
    add column image_description text not null default '',
    add column image_meta text not null default '',
    add column image_created_at timestamptz,
    add column image_updated_at timestamptz,
    add constraint users_image check (
        (image_id is null) = (image_created_at is null)
        and (image_id is null) = (image_updated_at is null)
    );

insert into image (id, owner_id, object_type, object_id, status, source_url, due_at, created_at,
    updated_at)
select gen_random_uuid(), id, 'user', id, 'wanted', image_url, now(), updated_at, updated_at
from users
where image_url is not null;

alter table users drop column image_url;

insert into image (id, owner_id, object_type, object_id, status, source_url, due_at, created_at,
    updated_at)
select gen_random_uuid(), owner_id, 'payment', id, 'wanted', image_url, now(), created_at, created_at
from payment
where image_url is not null;

alter table payment drop column image_url;
