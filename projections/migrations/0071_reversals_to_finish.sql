-- The view of tasks has to see the log from its beginning again: a reversal whose money was not taken back yet is a task now.
truncate tasks, task_streams;
delete from checkpoints where view = 'tasks';
