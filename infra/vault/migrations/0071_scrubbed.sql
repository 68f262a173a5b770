-- Up to which epoch the database's files were cleared of what was destroyed.
alter table forgetting add scrubbed bigint not null default 0;
