-- A random word of the run that the controller is in, written at its start: two that work under one id (a copy of a state folder) would each take the
-- other's links for its own former ones. Null: of a version that writes none, which says nothing.
alter table controller add column run uuid;
