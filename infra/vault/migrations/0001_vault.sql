-- Random bytes of the portal's own, made once.
create table secrets (
	name       text primary key check (octet_length(name) between 1 and 100),
	secret     bytea not null check (octet_length(secret) = 32),
	created_at timestamptz not null
);

-- Keys of personal fields in the event log. Destroying one makes the fields
-- unreadable for ever: the row stays without its key, so that none is made again.
create table keys (
	subject      text not null check (octet_length(subject) between 1 and 200),
	purpose      text not null check (octet_length(purpose) between 1 and 100),
	key          bytea check (octet_length(key) = 32),
	created_at   timestamptz not null,
	forgotten_at timestamptz,
	primary key (subject, purpose),
	check ((key is null) = (forgotten_at is not null))
);

create table accounts (
	id              text primary key,
	user_name       text not null unique check (octet_length(user_name) between 1 and 128), -- prepared for comparison (RFC 8265)
	role            text not null check (role in ('customer', 'accounting', 'auditor', 'operator')),
	customer_id     text,
	language        text not null,
	locked          boolean not null default false,
	password_hash   text, -- Argon2id in PHC format; null until the first password is set
	password_serial bigint not null default 1, -- counts the passwords; a session belongs to one
	created_at      timestamptz not null,
	check ((role = 'customer') = (customer_id is not null))
);

-- Tries to log in since the last success, by user name, whether or not there is
-- such an account. The name is only kept as a keyed hash: people type passwords
-- into the wrong field.
create table attempts (
	name_hash bytea primary key check (octet_length(name_hash) = 32),
	tries     int not null check (tries > 0),
	last_at   timestamptz not null
);
create index on attempts (last_at);

-- One-time links to choose a password. Rows are kept, so that no number is
-- issued a second time with a new expiry.
create table links (
	account_id text not null references accounts,
	serial     int not null check (serial > 0),
	token_hash bytea not null unique check (octet_length(token_hash) = 32),
	issued_at  timestamptz not null,
	expires_at timestamptz not null,
	used_at    timestamptz, -- or found expired
	primary key (account_id, serial)
);

create table sessions (
	token_hash      bytea primary key check (octet_length(token_hash) = 32),
	account_id      text not null references accounts,
	password_serial bigint not null,
	started_at      timestamptz not null,
	seen_at         timestamptz not null
);
create index on sessions (account_id);
