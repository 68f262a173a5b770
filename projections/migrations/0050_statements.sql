-- Statements of the bank that were imported.
create table statements (
    statement   text        primary key,
    position    bigint      not null,  -- of its import in the log
    at          timestamptz not null,
    account     text        not null,
    number      text        not null,  -- as the bank counts
    sequence    bigint,                -- the number without its page and year; null: none
    opened_on   text        not null,  -- local day; empty in old events
    closed_on   text        not null,
    opening     bigint      not null,  -- grosz
    closing     bigint      not null,
    digest      text        not null,
    transfers   bigint      not null   -- incoming ones
);
create index statements_by_account on statements (account, closed_on, sequence, statement);
