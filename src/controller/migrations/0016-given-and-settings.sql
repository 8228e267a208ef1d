-- Roles on single instances: who holds one operates that instance and sees nothing else of its project.
alter table role_grant add column instance_id uuid references instance on delete cascade;
alter table role_grant drop constraint role_grant_scope_check;
alter table role_grant add constraint role_grant_scope_check check (scope in ('system', 'domain', 'project', 'instance'));
alter table role_grant drop constraint role_grant_check;
alter table role_grant add constraint role_grant_check check (
  (scope = 'domain') = (domain_id is not null) and (scope = 'project') = (project_id is not null)
  and (scope = 'instance') = (instance_id is not null)
);
alter table role_grant drop constraint role_grant_twice;
alter table role_grant add constraint role_grant_twice
  unique nulls not distinct (user_id, role_id, scope, domain_id, project_id, instance_id);
create index on role_grant (instance_id);

-- So that two who edit the same at once do not overwrite each other (If-Match).
alter table "user" add column version integer not null default 1;
alter table project add column version integer not null default 1;
alter table domain add column version integer not null default 1;
alter table role add column version integer not null default 1;

-- Values of settings for a part of the cloud, over the one for all of it. They go with what they are for.
create table setting_scope (
  name text not null,
  scope text not null check (scope in ('zone', 'cluster', 'host', 'project')),
  zone_id uuid references zone on delete cascade,
  cluster_id uuid references cluster on delete cascade,
  host_id uuid references host on delete cascade,
  project_id uuid references project on delete cascade,
  value jsonb not null,
  updated_at timestamptz not null default croft_now(),
  updated_by uuid,
  check ((scope = 'zone') = (zone_id is not null) and (scope = 'cluster') = (cluster_id is not null)
    and (scope = 'host') = (host_id is not null) and (scope = 'project') = (project_id is not null)),
  constraint setting_scope_once unique nulls not distinct (name, zone_id, cluster_id, host_id, project_id)
);
create index on setting_scope (zone_id);
create index on setting_scope (cluster_id);
create index on setting_scope (host_id);
create index on setting_scope (project_id);

-- What each setting was before, and who changed it. Outlives what it was set for, whose name is kept with it.
create table setting_change (
  id uuid primary key,
  name text not null,
  scope text not null check (scope in ('global', 'zone', 'cluster', 'host', 'project')),
  scope_id uuid,
  scope_name text,
  -- Null: it had, or has, none of its own there.
  value_before jsonb,
  value_after jsonb,
  user_id uuid,
  at timestamptz not null default croft_now()
);
create index on setting_change (name, id);
