-- A history begins with the accounts that its person's money was in.
create index funding_source_with_money on funding_source (user_id) where type <> 'crypto_address';
