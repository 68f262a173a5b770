-- How far each view has come, and who may move it.
create table checkpoints (
    view     text   primary key,
    position bigint not null default 0,  -- of the last record seen; 0: none
    event    text   not null default '', -- its identity, stream and revision: they tell whether this is still the same log
    stream   text   not null default '',
    revision bigint not null default -1,
    owner    bigint not null default 0   -- grows with each takeover; whoever holds an older number may not write
);
