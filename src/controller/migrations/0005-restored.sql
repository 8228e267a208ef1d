-- A database that was restored from an older backup knows less than the hosts do: what each host holds that the database
-- does not know, kept until an operator has said which of the two is right.

-- What the host holds of this instance is newer than what is here: generation of the host's. Until that is settled nothing new
-- is wanted of the instance.
alter table instance add column held_generation bigint;
create index on instance (host_id) where held_generation is not null;

-- Whether it ever ran on its host: then its root disk was made, and is never made anew in place of one that is lost.
alter table instance_observed add column ever_ran boolean not null default false;
update instance_observed o set ever_ran = true from instance i
  where i.id = o.instance_id and o.applied_generation >= 0 and (i.generation > 1 or o.power <> 'stopped');

create table held_instance (
  host_id uuid not null references host on delete cascade,
  instance_id uuid not null,
  -- 'ahead': the row here is older. 'orphaned': there is no row. 'elsewhere': the row is placed on another host.
  kind text not null check (kind in ('ahead', 'orphaned', 'elsewhere')),
  generation bigint not null,
  details_version bigint not null,
  power text not null,
  -- All that the host holds of it, once it has shown that; as protocol/wanted.ts says.
  wanted jsonb,
  -- An operator has said that nothing of it is to remain on the host.
  purging boolean not null default false,
  noted_at timestamptz not null default croft_now(),
  primary key (host_id, instance_id)
);

-- Old operations go with time.
create index on operation (ended_at) where ended_at is not null;

-- Lists over all projects, by name or by time.
create index on instance (name, id);
create index on instance (created_at, id);
create index on instance (project_id, created_at, id);
