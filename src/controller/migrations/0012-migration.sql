-- Instances that move from one host to another, one row each; how it goes from step to step: docs/design/0009-moving.md.
create table migration (
  id uuid primary key,
  -- No reference: the host that it left may have to be cleared after the instance itself has gone.
  instance_id uuid not null,
  instance_name text not null,
  project_id uuid not null,
  kind text not null check (kind in ('live', 'cold', 'evacuation')),
  cause text not null default 'user',
  source_host_id uuid not null references host,
  target_host_id uuid not null references host,
  -- 'preparing', 'sending': the instance is on the source. 'discarding': it stays there, and the target is cleared.
  -- 'leaving': it is on the target, and the source is cleared.
  phase text not null check (phase in ('preparing', 'sending', 'discarding', 'leaving', 'ended')),
  outcome text check (outcome in ('succeeded', 'failed', 'cancelled')),
  reason text,
  -- It is to be given up, and how that counts: the source is told so, and what it answers decides.
  cancel_as text check (cancel_as in ('failed', 'cancelled')),
  copied_volumes jsonb not null default '[]',
  options jsonb not null default '{}',
  -- Known to both hosts, good for this migration alone; gone when it has ended.
  secret text,
  -- Where the target listens for the source.
  peer_address text,
  -- What the host that is to be cleared was told last of the instance.
  told jsonb,
  progress jsonb,
  progress_at timestamptz,
  -- Claimed on the host that the instance is not on: the target's before the switch, the source's after it.
  vcpus integer not null,
  memory_mib bigint not null,
  disk_gib bigint not null,
  user_id uuid,
  request_id uuid,
  operation_id uuid,
  created_at timestamptz not null default croft_now(),
  sending_at timestamptz,
  switched_at timestamptz,
  given_up_at timestamptz,
  ended_at timestamptz,
  check ((phase = 'ended') = (ended_at is not null)),
  check (outcome is not null or phase in ('preparing', 'sending')),
  check (source_host_id <> target_host_id)
);
-- One move at a time. Hosts that are being cleared do not hinder the next.
create unique index migration_moving on migration (instance_id) where phase in ('preparing', 'sending');
create index migration_open on migration (instance_id) where phase <> 'ended';
create index migration_open_source on migration (source_host_id) where phase <> 'ended';
create index migration_open_target on migration (target_host_id) where phase <> 'ended';
create index on migration (instance_id, id);
create index on migration (operation_id);
create index on migration (source_host_id, id);
create index on migration (target_host_id, id);

-- Hosts in maintenance: nothing is placed or started on them, and what is there is moved away.
create table maintenance (
  host_id uuid primary key references host on delete cascade,
  user_id uuid,
  request_id uuid,
  reason text not null default '',
  operation_id uuid,
  -- All that was there has gone.
  drained_at timestamptz,
  created_at timestamptz not null default croft_now()
);
create index on maintenance (operation_id);
-- What cannot be moved now, and why; tried again after `again_at`.
create table maintenance_obstacle (
  host_id uuid not null references maintenance on delete cascade,
  instance_id uuid not null,
  reason text not null,
  attempts integer not null default 1,
  since timestamptz not null default croft_now(),
  again_at timestamptz not null,
  primary key (host_id, instance_id)
);
