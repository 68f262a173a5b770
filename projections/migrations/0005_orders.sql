create table orders (
    id       text        primary key,
    number   text        not null,
    buyer    text        not null,
    at       timestamptz not null,  -- when it was submitted
    due_on   text        not null,  -- local day
    status   text        not null,
    net      bigint      not null,  -- grosz
    vat      bigint      not null,
    gross    bigint      not null,
    received bigint      not null,  -- booked on it so far
    paid     boolean     not null,  -- covered and not cancelled
    title    text        not null,  -- of the transfer
    state    json        not null   -- the order with its steps
);
create index orders_by_buyer on orders (buyer, at);

-- The last activation file that was issued for each licence.
create table activation_files (
    licence  text   primary key,
    order_id text   not null,
    line     bigint not null,
    edition  text   not null,
    version  text   not null,
    issued   bigint not null,  -- position of the event
    sent     bigint not null,  -- how often it has left
    wanted   bigint not null,  -- how often it should have left
    address  bigint not null   -- corrections of the address when it last left
);
