-- How far the erasure of a customer's personal data has come: 'proposed', 'owed', 'done', or nothing.
alter table customers add erasure text not null default '';
create index customers_by_erasure on customers (erasure, id) where erasure <> '';

-- The statement says with whose key the payer's data are sealed. The view sees the log anew to fill it in.
truncate transfers;
delete from checkpoints where view = 'payments';
alter table transfers add statement text not null;
create index transfers_by_statement on transfers (statement);
