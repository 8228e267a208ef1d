-- Regions over zones. What was there before is in one region; its id is fixed, so that a controller of before, which names none,
-- still makes zones.
create table region (
  id uuid primary key,
  name text not null unique,
  created_at timestamptz not null default croft_now()
);
insert into region (id, name) values ('01900000-0000-7000-8000-000000000001', 'default');
alter table zone add column region_id uuid not null default '01900000-0000-7000-8000-000000000001' references region;
create index on zone (region_id, id);

-- Hosts that have something in common, across clusters: what they have is said as metadata, and who may use them, if not everybody.
create table aggregate (
  id uuid primary key,
  name text not null unique,
  description text not null default '',
  metadata jsonb not null default '{}',
  -- For the projects in aggregate_project alone, also when there are none of them any more.
  restricted boolean not null default false,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now()
);
create table aggregate_host (
  aggregate_id uuid not null references aggregate on delete cascade,
  host_id uuid not null references host on delete cascade,
  primary key (aggregate_id, host_id)
);
create index on aggregate_host (host_id);
create table aggregate_project (
  aggregate_id uuid not null references aggregate on delete cascade,
  project_id uuid not null references project on delete cascade,
  primary key (aggregate_id, project_id)
);
create index on aggregate_project (project_id);

-- SHA-256 of the public key (SPKI) in the host's certificate: who asks again with the same key is the same host.
alter table host add column key_sha256 bytea;
-- What is kept back on this very host; null: as the settings say.
alter table host add column reserved_memory_mib integer check (reserved_memory_mib >= 0);
alter table host add column reserved_vcpus integer check (reserved_vcpus >= 0);
-- Whether the host's CPU carries its cluster's baseline, as the host says: {"baseline": version, "fits": …, "missing": […]}; null
-- until it was asked.
alter table host add column cpu_verdict jsonb;

-- The CPU that every host of the cluster has: {"arch", "model", "vendor", "features"}; its version grows with each change.
alter table cluster add column cpu_baseline jsonb;
alter table cluster add column cpu_baseline_version integer not null default 0;
alter table cluster add column cpu_baseline_at timestamptz;

-- What the guest has beside its model of the CPU that its cluster's hosts had in common when it was made: {"require", "disable"}.
alter table instance add column cpu_features jsonb;

-- The key that a token was used with, and the host that it is to bring back under a new key, if any.
alter table join_token add column key_sha256 bytea;
alter table join_token add column replaces_host_id uuid references host on delete cascade;

-- Machines that asked to be hosts and wait for an operator. Known by their key, which they prove to have with each request.
create table host_registration (
  id uuid primary key,
  key_sha256 bytea not null unique,
  csr_pem text not null,
  hostname text not null,
  machine_id text not null,
  address text not null,
  found jsonb not null default '{}',
  -- Of the invitation that it came with, if it came with one.
  cluster_id uuid references cluster on delete set null,
  invited boolean not null default false,
  state text not null default 'pending' check (state in ('pending', 'approved', 'rejected')),
  host_id uuid references host on delete cascade,
  certificate_pem text,
  decided_at timestamptz,
  decided_by uuid,
  asked_at timestamptz not null default croft_now(),
  expires_at timestamptz not null,
  created_at timestamptz not null default croft_now()
);
create index on host_registration (state, id);
create index on host_registration (address) where state = 'pending';
create index on host_registration (machine_id) where state = 'pending';
create index on host_registration (expires_at);
