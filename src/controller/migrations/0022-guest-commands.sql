-- What was asked for, where a path does not tell it: the words of a command run in a guest.
alter table audit add column detail jsonb;
