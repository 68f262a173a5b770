-- What an account did of one kind, however much else it did: both are one hash, so that a search knows where its rows end.
drop index events_by_actor;
create index events_by_actor on events (actor_key, position);
create index events_by_actor_and_type on events (hashtextextended(actor, type), position);
