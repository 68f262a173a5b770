-- How far each consumer of the log has got: the position of the last event whose effect is durable.
create table consumers (
	name     text primary key check (length(name) between 1 and 100),
	position bigint not null check (position >= 0)
);
