-- What the process manager owes. No personal data.
create table tasks (
    stream   text        not null,
    id       text        not null,
    kind     text        not null,
    line     bigint      not null,  -- of the order; 0: the whole
    copy     bigint      not null,
    order_id text        not null,
    customer text        not null,
    buyer    text        not null,
    transfer text        not null,
    since    timestamptz not null,
    due_at   timestamptz not null,
    failure  json        not null,  -- domain.Failure; attempt 0: not tried yet
    primary key (stream, id)
);
create index tasks_by_due on tasks (due_at, stream, id);

-- What the view remembers of a stream to tell what is owed next.
create table task_streams (
    stream text primary key,
    state  json not null
);
