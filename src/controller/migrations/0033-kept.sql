-- In the order in which controllers lock (store/database.ts): who moves an instance keeps why it is placed there first.
lock table placement in access exclusive mode;
lock table migration in share mode;
lock table host_absence in access exclusive mode;

-- Why an instance is where it is: by its host, else the newest that found one, else the newest; each is one look.
create index placement_where on placement (instance_id, host_id, id);
create index placement_placed on placement (instance_id, id) where host_id is not null;
drop index placement_instance_id_idx;
-- Nothing is looked for by project.
drop index placement_project_id_id_idx;

-- Finished ones go by age.
create index on migration (ended_at);

-- Croft has asked for its power to be cut, whether or not that was answered: that it is off since then is no sign that it was before.
alter table host_absence add column cut_asked boolean not null default false;
