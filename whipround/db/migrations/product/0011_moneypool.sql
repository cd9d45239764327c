-- What the Moneypool dialect needs of people and money: integer ids, logins by email, cards that
-- are charged once, payments from a card and the wallet together.

alter table users
    add column number bigint generated always as identity,
    -- Null for somebody who has signed up where no PIN is asked for.
    alter column pin_digest drop not null,
    -- Whether whoever gave the email had more to show than a session, which may be a stolen one.
    add column email_vouched boolean not null default true;
create unique index users_number on users (number);
-- Who says so of themselves; whose it is counts as soon as one has proven it.
create index users_email_said on users (lower(email), created_at) where email_verified_at is null;

alter table request_participant add column number bigint generated always as identity;
create unique index request_participant_number on request_participant (number);
alter table pool_participant add column number bigint generated always as identity;
create unique index pool_participant_number on pool_participant (number);
create unique index pool_number on pool (number);

-- A login without a device has a session only.
alter table session
    alter column token_id drop not null,
    alter column device_id drop not null;

-- What proves that a mail was read: links that confirm an address, and that let set a new password.
create table mailed_token (
    id uuid primary key,
    kind text not null check (kind in ('confirmation', 'password_reset')),
    user_id uuid not null references users (id),
    -- Where it was sent: no other address is proven by it.
    email text not null,
    digest bytea not null unique,
    used_at timestamptz,
    expires_at timestamptz not null,
    created_at timestamptz not null
);
create index mailed_token_user on mailed_token (user_id);
create index mailed_token_expires on mailed_token (expires_at);

-- Who waits for one of these waits as for a code.
drop index outbox_codes;
create index outbox_codes on outbox (channel, due_at)
    where failed_at is null
        and kind in ('verification_code', 'login_code', 'email_confirmation', 'password_reset');

-- Who somebody is to a provider that they log in with.
create table external_login (
    provider text not null check (provider in ('facebook')),
    subject text not null,
    user_id uuid not null references users (id),
    created_at timestamptz not null,
    primary key (provider, subject)
);
create index external_login_user on external_login (user_id);

-- What its owner calls the bank.
alter table bank_account add column bank text not null default '';

-- What stands for all that a person pays with once, and that is not kept: any card, or cash. It is
-- in no list; limits and what it has declined are counted with it.
alter table funding_source
    add column is_once boolean not null default false,
    add constraint funding_source_once_unseen check (not is_once or deleted_at is not null);
create unique index funding_source_once on funding_source (user_id, type) where is_once;

alter table gateway_call
    -- The token of a card that is charged once, sealed with the id of the call; forgotten as soon as
    -- there is a last word of it.
    add column sealed bytea,
    -- Whose card that is, as the payer says.
    add column holder text not null default '';

alter table payment
    -- What of amount and fee came out of the payer's wallet, where a card has paid the rest.
    add column wallet_amount numeric(28, 8) check (wallet_amount > 0 and wallet_amount < amount),
    add column wallet_fee numeric(28, 8) check (wallet_fee between 0 and fee),
    add constraint payment_is_mixed check (
        (wallet_amount is null) = (wallet_fee is null)
        and (wallet_amount is null or source_amount is null)
    );
