-- What is there and is changed or indexed here is locked first, in the order in which controllers lock (store/database.ts): who has changed an
-- instance reads of host_absence to show it. Nothing else of a controller holds join_token for long.
lock table instance, migration, operation in share mode;
lock table join_token, host_absence in access exclusive mode;

-- When the host was last heard of, as its last link told; null where a controller of the version before ended that (`since` is as near as is known).
alter table host_absence add column heard_at timestamptz;

-- Lists of instances by what becomes of them when their host is lost, and by zone. Each value's in every order, so that a page of few costs no more than
-- one of many.
create index on instance (availability, id);
create index on instance (availability, name, id);
create index on instance (availability, created_at, id);
create index on instance (zone_id, id);
create index on instance (zone_id, name, id);
create index on instance (zone_id, created_at, id);

-- Migrations by how they ended and of what kind they are, in the order of their ids.
create index on migration (outcome, id);
create index on migration (kind, id);

create index on operation (created_at, id);
create index on operation (project_id, created_at, id);

-- Tokens by which they are listed and taken back. When those were made that are there, nobody noted.
alter table join_token add column id uuid not null default gen_random_uuid();
alter table join_token add column created_at timestamptz;
alter table join_token alter column created_at set default croft_now();
create unique index join_token_id_key on join_token (id);
