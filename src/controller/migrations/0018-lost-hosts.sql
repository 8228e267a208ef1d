-- How hosts' power is cut: their management controllers. The password is sealed with a key that is not in the database.
create table host_bmc (
  host_id uuid primary key references host on delete cascade,
  kind text not null check (kind in ('ipmi', 'redfish')),
  address text not null,
  port integer,
  user_name text not null,
  sealed_password bytea not null,
  cipher_suite integer not null default 3,
  certificate_sha256 text,
  ca_pem text,
  system text,
  -- The last test, and what was wrong; null: nothing.
  tested_at timestamptz,
  test_failure text,
  updated_at timestamptz not null default croft_now()
);

-- Its agent runs highly available guests only under a lease: an older one stops nothing when its time is over, so that its power must
-- be seen to be off.
alter table host add column keeps_leases boolean not null default false;

-- A host that is not there: from the moment its heartbeats stop, or its link ends, until it is back. What its state is, and what is
-- to be done next, are functions of this row (src/model/host-state.ts).
create table host_absence (
  host_id uuid primary key references host on delete cascade,
  cause text not null check (cause in ('late', 'silent', 'closed', 'controller_gone')),
  -- When it was last heard of.
  since timestamptz not null,
  opinions jsonb not null default '[]',
  asked_at timestamptz,
  dead_at timestamptz,
  fence_failure text,
  fence_attempts integer not null default 0,
  fence_again_at timestamptz,
  fenced_at timestamptz,
  fenced_by text check (fenced_by in ('ipmi', 'redfish', 'lease', 'person')),
  fenced_user_id uuid,
  check ((fenced_at is null) = (fenced_by is null))
);

-- So many hosts of a zone went at once that nothing is fenced nor restarted there, unless an operator says otherwise.
create table zone_storm (
  zone_id uuid primary key references zone on delete cascade,
  since timestamptz not null default croft_now(),
  gone integer not null,
  hosts integer not null,
  overridden_at timestamptz,
  overridden_user_id uuid
);

-- Which controller leads what only one may do at a time. `steady_since`: since when leaders have followed each other without a gap.
create table leader (
  name text primary key,
  controller_id uuid not null,
  lease_until timestamptz not null,
  steady_since timestamptz not null
);

-- Each restart of an instance elsewhere because its host was lost, and what came of it.
create table ha_restart (
  id uuid primary key,
  instance_id uuid not null references instance on delete cascade,
  project_id uuid not null,
  from_host_id uuid not null,
  from_host text not null,
  -- Null: no host had room.
  to_host_id uuid,
  to_host text,
  generation bigint,
  fenced_by text not null,
  -- When the host that is lost was last heard of.
  lost_at timestamptz not null,
  reason text not null,
  -- By then it must run, or another host is tried.
  verify_by timestamptz,
  outcome text check (outcome in ('running', 'failed', 'no_room', 'given_up')),
  failure text,
  begun_at timestamptz not null default croft_now(),
  ended_at timestamptz,
  check ((outcome is null) = (ended_at is null))
);
create unique index ha_restart_open on ha_restart (instance_id) where ended_at is null;
create index on ha_restart (instance_id, id);
create index on ha_restart (from_host_id, id);

-- How many hosts of the cluster may be lost and its highly available instances still find room; 0: nothing is kept free.
alter table cluster add column ha_failures_tolerated integer not null default 0 check (ha_failures_tolerated between 0 and 100);
