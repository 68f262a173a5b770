-- What the vendor's own people show beside their password (RFC 6238).
create table second_factors (
	account_id   text primary key references accounts,
	secret       bytea not null check (octet_length(secret) = 20),
	created_at   timestamptz not null,
	confirmed_at timestamptz,              -- null: shown to its holder, not in use yet
	last_step    bigint not null default 0 -- of the last code that was accepted; no code works twice
);

-- For the day on which the phone is lost. Each works once.
create table recovery_codes (
	code_hash  bytea primary key check (octet_length(code_hash) = 32),
	account_id text not null references accounts
);
create index on recovery_codes (account_id);

-- A session whose holder has shown the password only.
alter table sessions add column half boolean not null default false;
