-- Where the money of each transfer is. Views that now remember more than before read the log again.
delete from checkpoints where view in ('payments', 'tasks', 'entitlements');
truncate tasks, task_streams, entitlements, entitlement_programs, updates;
drop table transfers;

create table transfers (
    transfer   text        primary key,
    position   bigint      not null,  -- of its arrival in the log
    at         timestamptz not null,
    amount     bigint      not null,  -- grosz; the sum of the next five
    on_orders  bigint      not null,
    credit     bigint      not null,
    refunds    bigint      not null,  -- proposed, confirmed and paid
    reversed   bigint      not null,
    unmatched  bigint      not null,
    waits      boolean     not null,  -- for a second person, or for a refund to be paid
    value_on   text        not null,  -- local day
    title      text        not null,  -- as the payer wrote it
    payer_name text        not null,
    payer_account text     not null,
    state      json        not null   -- domain.Transfer without what the payer wrote
);
create index transfers_by_position on transfers (position);
create index transfers_by_payer on transfers (payer_account) where payer_account <> '';
create index transfers_unmatched on transfers (position) where unmatched <> 0 or waits;

create table transfer_orders (
    transfer text   not null,
    place    bigint not null,  -- order of the bookings
    order_id text   not null,
    number   text   not null,
    amount   bigint not null,  -- that the order has of the transfer
    rule     text   not null,  -- of the last match
    primary key (transfer, order_id)
);
create index transfer_orders_by_order on transfer_orders (order_id);

create table credits (
    transfer text   not null,
    customer text   not null,
    amount   bigint not null,
    primary key (transfer, customer)
);
create index credits_by_customer on credits (customer);

create table reversals (
    reversal       text        primary key,
    position       bigint      not null,
    at             timestamptz not null,
    amount         bigint      not null,
    value_on       text        not null,
    bank_reference text        not null,
    title          text        not null,
    payer_name     text        not null,
    statement      text        not null,  -- with whose key they are sealed
    transfer       text        not null default ''  -- that it takes back; empty: not found yet
);
