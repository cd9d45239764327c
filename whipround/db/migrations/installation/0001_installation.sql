-- What is known once per database: what kind of installation it is, and its products.

create table installation (
    one boolean primary key default true check (one),
    sandbox boolean not null,
    -- A digest made with the secret key: opening the database with another key is noticed at once.
    key_check bytea not null,
    created_at timestamptz not null default now()
);

create table product (
    id uuid primary key,
    name text not null unique check (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    schema_name text not null unique,
    is_default boolean not null default false,
    host_names text[] not null default '{}',
    currencies text[] not null check (cardinality(currencies) > 0),
    created_at timestamptz not null default now()
);

create unique index product_default on product (is_default) where is_default;
