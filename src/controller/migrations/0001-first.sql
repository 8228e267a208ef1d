-- The first schema: identity, topology, networks, images, instances, and the records of what happened.
-- Forward only: what is here is never edited once released; a change is a migration of its own (expand, then contract).
-- PostgreSQL 15 or newer. btree_gist comes with every PostgreSQL's contrib package.
create extension if not exists btree_gist;

-- The time that rules go by. A simulation sets croft.now; otherwise it is the database's clock, one for all controllers.
create function croft_now() returns timestamptz language sql stable as
$$ select coalesce(nullif(current_setting('croft.now', true), '')::timestamptz, now()) $$;

create table controller (
  id uuid primary key,
  name text not null,
  -- Where agents reach this one controller, for streams that a caller here waits for.
  agent_url text not null,
  version text not null,
  lease_until timestamptz not null
);

-- Identity -----------------------------------------------------------------------------------------------------------

create table domain (
  id uuid primary key,
  name text not null unique,
  parent_id uuid references domain,
  description text not null default '',
  enabled boolean not null default true,
  created_at timestamptz not null default croft_now()
);
create index on domain (parent_id);

create table project (
  id uuid primary key,
  domain_id uuid not null references domain,
  name text not null,
  description text not null default '',
  enabled boolean not null default true,
  created_at timestamptz not null default croft_now(),
  unique (domain_id, name)
);

create table "user" (
  id uuid primary key,
  domain_id uuid not null references domain,
  name text not null,
  email text,
  password_hash text,
  enabled boolean not null default true,
  default_project_id uuid references project on delete set null,
  created_at timestamptz not null default croft_now(),
  unique (domain_id, name)
);

create table role (
  id uuid primary key,
  name text not null unique,
  description text not null default '',
  permissions text[] not null,
  built_in boolean not null default false,
  created_at timestamptz not null default croft_now()
);

-- A user holds a role on everything ('system'), on a domain and all below it, or on one project.
create table role_grant (
  id uuid primary key,
  user_id uuid not null references "user" on delete cascade,
  role_id uuid not null references role on delete cascade,
  scope text not null check (scope in ('system', 'domain', 'project')),
  domain_id uuid references domain on delete cascade,
  project_id uuid references project on delete cascade,
  created_at timestamptz not null default croft_now(),
  check ((scope = 'domain') = (domain_id is not null) and (scope = 'project') = (project_id is not null)),
  constraint role_grant_twice unique nulls not distinct (user_id, role_id, scope, domain_id, project_id)
);
create index on role_grant (role_id);
create index on role_grant (domain_id);
create index on role_grant (project_id);

create table api_key (
  id uuid primary key,
  user_id uuid not null references "user" on delete cascade,
  project_id uuid references project on delete cascade,
  name text not null,
  secret_sha256 bytea not null unique,
  expires_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null default croft_now(),
  unique (user_id, name)
);

create table token (
  secret_sha256 bytea primary key,
  user_id uuid not null references "user" on delete cascade,
  project_id uuid references project on delete cascade,
  created_at timestamptz not null default croft_now(),
  expires_at timestamptz not null
);
create index on token (expires_at);
create index on token (user_id);

-- Guesses at passwords, counted before each is checked so that no number of guesses at once passes the limit.
-- The key is 'address:…', 'user:<id>', or for a name that does not exist 'name:<sha256>', so that both look alike.
create table sign_in_attempt (
  key text primary key,
  failed integer not null,
  last_at timestamptz not null default croft_now(),
  locked_until timestamptz
);
create index on sign_in_attempt (last_at);

-- Limits and what is used of them, exact: changed in the transaction that makes or removes the thing.
create table quota (
  scope text not null check (scope in ('domain', 'project')),
  scope_id uuid not null,
  resource text not null,
  used bigint not null default 0 check (used >= 0),
  -- null: no limit
  limit_value bigint check (limit_value >= 0),
  primary key (scope, scope_id, resource)
);

create table setting (
  name text primary key,
  value jsonb not null,
  updated_at timestamptz not null default croft_now(),
  updated_by uuid
);

-- Topology -----------------------------------------------------------------------------------------------------------

create table zone (
  id uuid primary key,
  name text not null unique,
  created_at timestamptz not null default croft_now()
);

create table cluster (
  id uuid primary key,
  zone_id uuid not null references zone,
  name text not null unique,
  cpu_overcommit numeric not null default 4 check (cpu_overcommit > 0),
  memory_overcommit numeric not null default 1 check (memory_overcommit > 0),
  created_at timestamptz not null default croft_now()
);

create table host (
  id uuid primary key,
  cluster_id uuid not null references cluster,
  name text not null unique,
  machine_id text not null unique,
  certificate_sha256 bytea not null,
  schedulable boolean not null default true,
  labels jsonb not null default '{}',
  facts jsonb,
  -- What may be promised of the host in all, after overcommit and reserve; and what is promised.
  vcpus_limit integer not null default 0,
  memory_limit_mib bigint not null default 0,
  disk_limit_gib bigint not null default 0,
  vcpus_claimed integer not null default 0 check (vcpus_claimed >= 0),
  memory_claimed_mib bigint not null default 0 check (memory_claimed_mib >= 0),
  disk_claimed_gib bigint not null default 0 check (disk_claimed_gib >= 0),
  -- The controller that holds this host's link, null when none does; the epoch tells an old link's words from a new one's.
  session_controller_id uuid,
  session_epoch bigint not null default 0,
  last_seen_at timestamptz,
  last_report bigint not null default 0,
  foreign_domains jsonb not null default '[]',
  removed_at timestamptz,
  created_at timestamptz not null default croft_now()
);
create index on host (session_controller_id);
create index on host (certificate_sha256);

create table join_token (
  secret_sha256 bytea primary key,
  cluster_id uuid not null references cluster,
  created_by uuid,
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by_host_id uuid references host on delete set null
);

-- Secrets of the cloud itself (the CA's key), encrypted with a key from outside the database.
create table secret (
  name text primary key,
  sealed bytea not null,
  created_at timestamptz not null default croft_now()
);

create table flavor (
  id uuid primary key,
  name text not null unique,
  vcpus integer not null check (vcpus > 0),
  memory_mib integer not null check (memory_mib > 0),
  disk_gib integer not null check (disk_gib > 0),
  properties jsonb not null default '{}',
  created_at timestamptz not null default croft_now()
);

create table key_pair (
  id uuid primary key,
  user_id uuid not null references "user" on delete cascade,
  name text not null,
  public_key text not null,
  fingerprint text not null,
  created_at timestamptz not null default croft_now(),
  unique (user_id, name)
);

-- Images -------------------------------------------------------------------------------------------------------------

create table image (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  visibility text not null default 'private' check (visibility in ('public', 'private')),
  -- How far its content has come: 'waiting' for an upload, being 'fetched' or 'checked', 'ready', or 'failed'.
  status text not null check (status in ('waiting', 'fetching', 'checking', 'ready', 'failed')),
  failure text,
  progress_percent integer not null default 0,
  source_url text,
  expected_sha256 text,
  -- Of the file that is being uploaded, once that is known.
  upload_bytes bigint,
  -- Of the content as kept: always qcow2 or raw, with no backing file.
  format text,
  size_bytes bigint,
  virtual_size_bytes bigint,
  sha256 text,
  min_disk_gib integer not null default 0,
  min_memory_mib integer not null default 0,
  properties jsonb not null default '{}',
  protected boolean not null default false,
  -- The controller working on it or receiving it, while its lease lasts; `attempts` counts leases, so that one whose
  -- lease was lost cannot take itself for the next.
  lease_by uuid,
  lease_until timestamptz,
  attempts integer not null default 0,
  deleted_at timestamptz,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now()
);
create index on image (project_id, id);
create index on image (visibility, id) where visibility = 'public';
create index on image (status) where status in ('waiting', 'fetching', 'checking') or deleted_at is not null;

-- Networks -----------------------------------------------------------------------------------------------------------

create table network (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  kind text not null check (kind in ('overlay', 'external')),
  shared boolean not null default false,
  mtu integer not null,
  physical_network text,
  vlan integer check (vlan between 1 and 4094),
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  check ((kind = 'external') = (physical_network is not null))
);
create index on network (project_id, id);
create index on network (id) where shared;
create unique index on network (physical_network, coalesce(vlan, 0)) where physical_network is not null;

create table subnet (
  id uuid primary key,
  network_id uuid not null references network on delete cascade,
  project_id uuid not null references project,
  name text not null,
  cidr inet not null,
  gateway inet,
  dns inet[] not null default '{}',
  host_routes jsonb not null default '[]',
  dhcp boolean not null default true,
  pool_start inet not null,
  pool_end inet not null,
  -- Where the search for the next free address begins.
  next_address inet not null,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  check (pool_start << cidr and pool_end << cidr and pool_start <= pool_end),
  check (gateway is null or gateway << cidr),
  constraint subnet_overlap exclude using gist (network_id with =, cidr inet_ops with &&)
);
create index on subnet (project_id, id);
create index on subnet (network_id, id);

create table security_group (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  description text not null default '',
  is_default boolean not null default false,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  unique (project_id, name)
);
create unique index on security_group (project_id) where is_default;
create index on security_group (project_id, id);

create table security_group_rule (
  id uuid primary key,
  security_group_id uuid not null references security_group on delete cascade,
  direction text not null check (direction in ('ingress', 'egress')),
  ethertype text not null check (ethertype in ('ipv4', 'ipv6')),
  protocol text,
  port_min integer,
  port_max integer,
  remote_cidr inet,
  remote_group_id uuid references security_group on delete cascade,
  description text not null default '',
  created_at timestamptz not null default croft_now(),
  check (remote_cidr is null or remote_group_id is null),
  constraint security_group_rule_twice unique nulls not distinct
    (security_group_id, direction, ethertype, protocol, port_min, port_max, remote_cidr, remote_group_id)
);

-- Instances ----------------------------------------------------------------------------------------------------------

create table instance (
  id uuid primary key,
  project_id uuid not null references project,
  user_id uuid not null,
  name text not null,
  hostname text not null,
  -- The claim: this host's counters hold what the instance needs.
  host_id uuid not null references host,
  zone_id uuid not null references zone,
  -- What was asked, kept as it was: a flavor or image changed later does not change a running machine.
  flavor_id uuid not null,
  flavor_name text not null,
  image_id uuid references image,
  image_name text not null,
  vcpus integer not null,
  memory_mib integer not null,
  disk_gib integer not null,
  cpu_model text not null default 'default',
  config_drive boolean not null default true,
  watchdog_action text not null default 'none',
  user_data text,
  public_keys jsonb not null default '[]',
  tags jsonb not null default '{}',
  -- Wanted: written by use cases only.
  wanted_power text not null check (wanted_power in ('running', 'stopped')),
  generation bigint not null default 1,
  details_version bigint not null default 1,
  reboot_count integer not null default 0,
  reboot_kind text not null default 'soft' check (reboot_kind in ('soft', 'hard')),
  deleted_at timestamptz,
  -- When a deleted instance may no longer be recovered; null while it is not deleted.
  purge_at timestamptz,
  -- Whether the host's counters still hold its vCPUs and memory: a deleted instance gives them up once it is off.
  compute_claimed boolean not null default true,
  -- The host was told to leave nothing of it.
  purging boolean not null default false,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  check ((deleted_at is null) = (purge_at is null))
);
create index on instance (project_id, id);
create index on instance (host_id, id);
create index on instance (image_id);
create index on instance (project_id, name);
create index on instance (purge_at) where purge_at is not null and not purging;
create index on instance (id) where purging;
create index on instance (project_id, id) where deleted_at is not null;

-- Observed: written from hosts' reports only, and only by a newer one.
create table instance_observed (
  instance_id uuid primary key references instance on delete cascade,
  report bigint not null,
  applied_generation bigint not null,
  power text not null check (power in ('absent', 'running', 'stopped', 'paused', 'crashed')),
  failure text,
  progress jsonb,
  started_at timestamptz,
  guest_addresses text[] not null default '{}',
  observed_at timestamptz not null default croft_now()
);

create table volume (
  id uuid primary key,
  project_id uuid not null references project,
  instance_id uuid references instance on delete cascade,
  host_id uuid not null references host,
  name text not null,
  role text not null check (role in ('root', 'data')),
  size_gib integer not null check (size_gib > 0),
  image_id uuid references image,
  bus text not null default 'virtio',
  created_at timestamptz not null default croft_now()
);
create index on volume (project_id, id);
create index on volume (instance_id);
create index on volume (image_id);

create table port (
  id uuid primary key,
  network_id uuid not null references network,
  project_id uuid not null references project,
  name text not null default '',
  mac macaddr not null,
  kind text not null check (kind in ('instance', 'router', 'gateway', 'metadata', 'floating', 'free')),
  instance_id uuid references instance on delete cascade,
  router_id uuid,
  position integer not null default 0,
  port_security boolean not null default true,
  allowed_address_pairs jsonb not null default '[]',
  admin_up boolean not null default true,
  model text not null default 'virtio',
  -- Made by a user before its instance, so it outlives it.
  kept boolean not null default false,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  unique (network_id, mac)
);
create index on port (project_id, id);
create index on port (instance_id);
create index on port (router_id);
create index on port (network_id, id);
create unique index on port (network_id) where kind = 'metadata';

create table port_address (
  network_id uuid not null references network,
  subnet_id uuid not null references subnet,
  port_id uuid not null references port on delete cascade,
  address inet not null,
  primary key (network_id, address)
);
create index on port_address (port_id);
create index on port_address (subnet_id, address);

create table port_security_group (
  port_id uuid not null references port on delete cascade,
  security_group_id uuid not null references security_group,
  primary key (port_id, security_group_id)
);
create index on port_security_group (security_group_id);

create table router (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  external_network_id uuid references network,
  snat boolean not null default true,
  version bigint not null default 1,
  created_at timestamptz not null default croft_now()
);
create index on router (project_id, id);
alter table port add foreign key (router_id) references router on delete cascade;

create table router_interface (
  router_id uuid not null references router on delete cascade,
  subnet_id uuid not null references subnet unique,
  port_id uuid not null references port,
  -- A copy that the subnet's own row cannot drift from (a subnet's CIDR never changes): two networks of one router must not overlap.
  cidr inet not null,
  primary key (router_id, subnet_id),
  constraint router_interface_overlap exclude using gist (router_id with =, cidr inet_ops with &&)
);

create table floating_ip (
  id uuid primary key,
  project_id uuid not null references project,
  network_id uuid not null references network,
  -- Holds the address, so that all addresses of a network are in one table under one constraint.
  address_port_id uuid not null references port,
  address inet not null,
  port_id uuid references port on delete set null,
  fixed_address inet,
  router_id uuid references router on delete set null,
  description text not null default '',
  version bigint not null default 1,
  created_at timestamptz not null default croft_now(),
  unique (network_id, address),
  constraint floating_ip_port_once unique (port_id, fixed_address)
);
create index on floating_ip (project_id, id);
create index on floating_ip (port_id);
create index on floating_ip (router_id);
create index on floating_ip (network_id, id);

-- One-time tickets for consoles: taken out when used, by whichever controller it is shown to.
create table console_ticket (
  secret_sha256 bytea primary key,
  instance_id uuid not null references instance on delete cascade,
  user_id uuid not null,
  expires_at timestamptz not null
);
create index on console_ticket (expires_at);

-- What happened ------------------------------------------------------------------------------------------------------

create table operation (
  id uuid primary key,
  project_id uuid references project on delete cascade,
  user_id uuid,
  request_id uuid,
  kind text not null,
  noun text not null,
  resource_id uuid,
  targets integer not null default 1,
  succeeded integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0,
  -- In plain words: of the first target that failed.
  reason text,
  created_at timestamptz not null default croft_now(),
  ended_at timestamptz
);
create index on operation (project_id, id);
create index on operation (resource_id, id);
create index on operation (id) where ended_at is null;

create table operation_target (
  operation_id uuid not null references operation on delete cascade,
  resource_id uuid not null,
  -- The target is done when its host reports this generation.
  generation bigint not null,
  outcome text check (outcome in ('succeeded', 'failed', 'cancelled')),
  reason text,
  primary key (operation_id, resource_id)
);
create index on operation_target (resource_id) where outcome is null;

-- A reader sees an event only once no older transaction can still add one before it (see store/event.ts),
-- so a cursor (xid, seq) never skips a late commit.
create table event (
  seq bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null default croft_now(),
  project_id uuid,
  noun text not null,
  resource_id uuid not null,
  kind text not null,
  user_id uuid,
  request_id uuid,
  detail jsonb not null default '{}',
  primary key (xid, seq)
);
create index on event (resource_id, xid, seq);
create index on event (project_id, xid, seq);
create index on event (at);

create table audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null default croft_now(),
  user_id uuid,
  user_name text,
  project_id uuid,
  request_id uuid not null,
  address text,
  method text not null,
  path text not null,
  action text not null,
  resource_id text,
  outcome integer not null,
  error text,
  -- Each sealed row's hash covers the one before it: a row changed, added or taken out later shows.
  sealed_seq bigint unique,
  hash bytea
);
create index on audit (project_id, seq);
create index on audit (user_id, seq);
create index on audit (seq) where sealed_seq is null;

create table placement (
  id uuid primary key,
  project_id uuid not null,
  instance_id uuid references instance on delete cascade,
  request_id uuid,
  host_id uuid,
  decision jsonb not null,
  created_at timestamptz not null default croft_now()
);
create index on placement (instance_id);
create index on placement (project_id, id);
create index on placement (created_at);

-- What a create with an Idempotency-Key answered, so that asking twice makes one thing.
create table idempotency (
  user_id uuid not null,
  key text not null,
  request_sha256 bytea not null,
  status integer,
  body jsonb,
  created_at timestamptz not null default croft_now(),
  primary key (user_id, key)
);
create index on idempotency (created_at);
