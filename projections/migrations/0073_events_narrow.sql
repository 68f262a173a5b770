-- The index of the log in fewer bytes, since each event of the portal is written here, too: names are found by a hash, types are numbers.
drop table events, event_subjects, event_days;
delete from checkpoints where view = 'events';

-- Every event with who, when and caused by what. No contents, no personal data.
create table events (
    position        bigint      primary key,
    revision        bigint      not null,
    type            integer     not null,  -- see typeCode
    at              timestamptz not null,  -- by the portal's clock
    id              uuid        not null,
    stream          text        not null,
    actor           text        not null,
    on_behalf_of    text        not null,  -- customer; empty: nobody
    correlation     text        not null,
    causation       text,                  -- null: the same as correlation
    stream_key      bigint      not null generated always as (hashtextextended(stream, 0)) stored,
    actor_key       bigint      not null generated always as (hashtextextended(actor, 0)) stored,
    correlation_key bigint      not null generated always as (hashtextextended(correlation, 0)) stored
);
create index events_by_id on events using hash (id);
create index events_by_stream on events (stream_key, position);
create index events_by_type on events (type, position);
create index events_by_actor on events (actor_key, position) include (type);
create index events_by_correlation on events (correlation_key, position);

-- What an event touches: a customer, an order, a licence or a transfer.
create table event_subjects (
    subject  uuid    not null,  -- see subjectKey
    position bigint  not null,
    type     integer not null,  -- of the event
    primary key (subject, position) include (type)
);

-- The first event of an hour (UTC) or a later one, and the last event of it or an earlier one: events come nearly, but not exactly, in
-- the order of the clock.
create table event_hours (
    hour  timestamptz primary key,
    first bigint not null,  -- position
    last  bigint not null
);

-- Searches read rows of one customer or type out of these indexes alone, as far as vacuum has been there.
alter table events set (autovacuum_vacuum_insert_scale_factor = 0.05);
alter table event_subjects set (autovacuum_vacuum_insert_scale_factor = 0.05);
