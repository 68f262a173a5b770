-- The view of payments has to see the log from its beginning again: it kept the reasons of proposed matches.
truncate transfers, transfer_orders, credits, reversals;
delete from checkpoints where view = 'payments';
