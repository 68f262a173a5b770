-- What was waived of an order is not open any more.
alter table orders add column waived bigint not null generated always as (coalesce((state->'order'->>'waived')::bigint, 0)) stored;
