-- Lists of what there may be a hundred thousand of, by name, over all projects and within one.
create index on volume (name, id);
create index on image (name, id);
create index on image (project_id, name, id);
create index on network (name, id);
create index on network (project_id, name, id);
create index on subnet (name, id);
create index on subnet (project_id, name, id);
create index on router (name, id);
create index on router (project_id, name, id);
create index on security_group (name, id);
create index on project (name, id);
create index on "user" (name, id);
create index on key_pair (name, id);
