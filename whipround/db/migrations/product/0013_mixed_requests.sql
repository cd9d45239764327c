-- What somebody asks for, and what they are invited to pay, in one list: each side of it by an index.

-- Among any number of requests that are done with, those that still show; closed ones of which
-- somebody has rejected their part are among them.
create index payment_request_unpaid on payment_request (owner_id, currency, created_at, id)
    where status = 'open' or rejected_count > 0;
create index pool_participant_invited on pool_participant (user_id, created_at, id)
    where is_first and status = 'invited';
