-- What the scheduler reads of hosts is kept in memory by each controller, and only what has changed is read again: each row says by which
-- transaction it was changed last, and how often it was (store/host-snapshot.ts). Reports, which come all the time, touch none of it.
alter table host add column changes bigint not null default 0, add column changed_xid xid8 not null default pg_current_xact_id();
alter table host_claim add column changes bigint not null default 0, add column changed_xid xid8 not null default pg_current_xact_id();
create index on host (changed_xid);
create index on host_claim (changed_xid);

create function note_change() returns trigger language plpgsql as
$$ begin
  new.changes := old.changes + 1;
  new.changed_xid := pg_current_xact_id();
  return new;
end $$;
-- A column that the scheduler is to read as well comes into this list: drop the trigger and make it anew. What changes elsewhere and
-- matters to hosts (a cluster, an aggregate) sets changes = changes + 1 of its hosts.
create trigger note_change before update of name, cluster_id, schedulable, labels, facts, vcpus_limit, memory_limit_mib, disk_limit_gib,
  session_controller_id, removed_at, changes on host for each row execute function note_change();
create trigger note_change before update on host_claim for each row execute function note_change();

create function note_cluster_change() returns trigger language plpgsql as
$$ begin
  update host set changes = changes + 1 where cluster_id = new.id and removed_at is null;
  return null;
end $$;
create trigger note_change after update of zone_id on cluster for each row execute function note_cluster_change();

-- Instances that shall be together or apart.
create table instance_group (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  policy text not null check (policy in ('affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity')),
  description text not null default '',
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  constraint instance_group_project_id_name_key unique (project_id, name)
);
create index on instance_group (project_id, id);
alter table instance add column group_id uuid references instance_group;
create index on instance (group_id) where group_id is not null;

-- A host said that it cannot bring up an instance which has never run: it is to be tried elsewhere.
alter table instance_observed add column refused boolean not null default false;
create index on instance_observed (instance_id) where refused;

-- Nothing is placed on hosts in maintenance.
create function note_maintenance_change() returns trigger language plpgsql as
$$ begin
  update host set changes = changes + 1 where id = coalesce(new.host_id, old.host_id);
  return null;
end $$;
create trigger note_change after insert or delete on maintenance for each row execute function note_maintenance_change();
