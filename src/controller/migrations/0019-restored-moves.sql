-- A database that was restored from before instances moved names hosts for them that have them no longer.

-- How often its host has changed: of two hosts that take an instance for their own, the one that was told more is right.
alter table instance add column placement bigint not null default 0;

-- What its host has heard of changes beyond those that are counted here: they were lost with a newer database.
alter table host_claim add column passed bigint not null default 0;

alter table held_instance
  drop constraint held_instance_kind_check,
  -- 'missing': the row is placed on this host, or is to come to it, which has nothing of it and knows newer things. 'moving': the row is placed on this
  -- host, which is sending it to another one by a move that is not known here, or known less of.
  add constraint held_instance_kind_check check (kind in ('ahead', 'orphaned', 'elsewhere', 'missing', 'moving')),
  add column placement bigint not null default 0,
  -- What the host does of a move; `here`: of one that was to come to it, and has.
  add column migration_id uuid,
  add column step text,
  add column here boolean not null default false;
create index on held_instance (instance_id);
