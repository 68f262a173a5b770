alter table tasks add column until timestamptz not null default 'infinity';  -- from when on it makes no sense any more
alter table orders add column payable_until text not null default '';  -- last local day whose money still counts; empty: it does not wait, or as long as it takes
-- The view of orders has to see the log from its beginning again, since it looks at skipped tasks now.
truncate orders, activation_files;
delete from checkpoints where view = 'orders';
