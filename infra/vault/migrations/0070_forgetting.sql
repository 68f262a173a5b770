-- Grows with every destroyed key, so that each process learns that its cache is out of date.
create table forgetting (
	single boolean primary key default true check (single),
	epoch  bigint not null
);
insert into forgetting (epoch) values (0);
