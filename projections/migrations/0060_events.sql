-- Every event with who, when and caused by what, and what it touches. No contents, no personal data.
create table events (
    position     bigint      primary key,
    stream       text        not null,
    revision     bigint      not null,
    id           uuid        not null,
    type         text        not null,
    at           timestamptz not null,  -- by the portal's clock
    actor        text        not null,
    on_behalf_of text        not null,  -- customer; empty: nobody
    correlation  text        not null,
    causation    text        not null
);
create unique index events_by_id on events (id);
create index events_by_stream on events (stream, position);
create index events_by_type on events (type, position);
create index events_by_actor on events (actor, position);
create index events_by_correlation on events (correlation, position);

-- What an event touches: customer/, order/, licence/, program/, transfer/ or statement/ and the identity.
create table event_subjects (
    subject  text   not null,
    position bigint not null,
    primary key (subject, position)
);

-- The first and the last event of each day (UTC): events come nearly, but not exactly, in the order of the clock.
create table event_days (
    day  date   primary key,
    first bigint not null,  -- position
    last  bigint not null
);

create index if not exists orders_by_number on orders (number);
