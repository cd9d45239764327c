-- The double-entry ledger. Nothing here knows what a payment is.

create table account (
    id uuid primary key,
    -- Whose money it is, as far as the ledger cares: a funding source, a holding; all zeros is the
    -- product itself.
    owner_id uuid not null,
    kind text not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    balance numeric(28, 8) not null default 0,
    -- All that ever came in and went out; the balance is their difference.
    credited numeric(28, 8) not null default 0 check (credited >= 0),
    debited numeric(28, 8) not null default 0 check (debited >= 0),
    -- The lowest balance allowed; null = the outside world, which may owe without limit.
    floor numeric(28, 8),
    -- The number of entries, which is the version of the last one.
    version bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint account_above_floor check (balance >= floor),
    constraint account_adds_up check (balance = credited - debited),
    -- One account per owner, kind and currency, and so one for the product itself.
    constraint account_owner unique (owner_id, kind, currency)
) with (fillfactor = 60); -- room to move balances in place

create table transfer (
    id uuid primary key,
    kind text not null,
    -- Made from our own row id and step: the same step can post only once.
    key text not null unique,
    reverses uuid unique references transfer (id),
    posted_at timestamptz not null
);

-- Without foreign keys: every account was locked, and every transfer inserted, by the transaction
-- that adds the entry, and the trigger below checks both for a whole batch at once.
create table entry (
    account_id uuid not null,
    version bigint not null,
    transfer_id uuid not null,
    amount numeric(28, 8) not null check (amount <> 0),
    -- The account's balance after this entry.
    balance numeric(28, 8) not null,
    primary key (account_id, version)
);

create index entry_transfer on entry (transfer_id);

-- Each inserted row is looked up by index, whatever the statistics say: the function is planned once
-- per connection, and a plan made when the tables were one page would walk all of them ever after.
create function entry_check() returns trigger language plpgsql
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
    set enable_material = off as $$
declare
    wrong uuid;
begin
    -- The left joins bring a null, and so a group of its own, for an account or transfer that is not there.
    select inserted.transfer_id into wrong
    from inserted
        left join account on account.id = inserted.account_id
        left join transfer on transfer.id = inserted.transfer_id
    group by inserted.transfer_id, account.currency, transfer.id
    having sum(inserted.amount) <> 0 or account.currency is null or transfer.id is null
    limit 1;
    if wrong is not null then
        raise exception 'transfer % does not sum to zero over known accounts', wrong
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;

create trigger entry_check after insert on entry
    referencing new table as inserted
    for each statement execute function entry_check();

create function append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: correct by a further transfer', tg_table_name
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger transfer_append_only before update or delete or truncate on transfer
    for each statement execute function append_only();
create trigger entry_append_only before update or delete or truncate on entry
    for each statement execute function append_only();
create trigger account_permanent before delete or truncate on account
    for each statement execute function append_only();
