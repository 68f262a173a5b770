create table transfers (
    transfer   text        primary key,
    position   bigint      not null,  -- of its arrival in the log
    at         timestamptz not null,
    amount     bigint      not null,  -- grosz
    value_on   text        not null,  -- local day
    title      text        not null,  -- as the payer wrote it
    payer_name text        not null,
    order_id   text        not null default '',  -- empty: no order was found
    number     text        not null default '',
    rule       text        not null default ''
);
create index transfers_unmatched on transfers (position) where order_id = '';
