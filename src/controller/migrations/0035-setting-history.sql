-- What was changed of settings is asked for by the part of the cloud, too.
create index on setting_change (scope_id, id);
