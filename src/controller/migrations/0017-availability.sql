-- Pools: file systems that disks are in, each known by the mark in its directory. Hosts that name the same share it, and with it its room:
-- what is claimed of disk is counted once per pool. A host that named none (an older agent) keeps its own count in host_claim.
create table pool (
  id uuid primary key,
  total_gib bigint not null default 0 check (total_gib >= 0),
  free_gib bigint not null default 0 check (free_gib >= 0),
  claimed_gib bigint not null default 0 check (claimed_gib >= 0),
  created_at timestamptz not null default croft_now(),
  changes bigint not null default 0,
  changed_xid xid8 not null default pg_current_xact_id()
) with (fillfactor = 50);
-- As of hosts and their claims (0013): the scheduler reads again what has changed.
create index on pool (changed_xid);
create trigger note_change before update of total_gib, claimed_gib, changes on pool for each row execute function note_change();
alter table host add column pool_id uuid references pool;
create index host_pool on host (pool_id) where pool_id is not null;
-- Again beside the counts, so that who claims or gives back learns with the row's lock where disk is counted.
alter table host_claim add column pool_id uuid references pool;

-- Leases of highly available guests (src/model/lease.ts): what the link grants; and when a link has ended, how long from then its
-- host's guests may run at most, and until when that is by this database's clock, for people.
alter table host add column lease_ms integer not null default 0 check (lease_ms >= 0);
alter table host add column lease_left_ms bigint;
alter table host add column lease_over_at timestamptz;

-- Whether an instance is started elsewhere when its host is lost, which come first, and what becomes of a guest that crashes.
alter table instance add column availability text not null default 'restart' check (availability in ('restart', 'high'));
alter table instance add column ha_priority integer not null default 50 check (ha_priority between 0 and 100);
alter table instance add column on_crash text not null default 'restart' check (on_crash in ('restart', 'stop'));
create index instance_high on instance (host_id) where availability = 'high';

-- How often the guest crashed lately and when it is tried again; when its watchdog fired last. As its host says; null: never.
alter table instance_observed add column crashes jsonb;
alter table instance_observed add column watchdog jsonb;
-- From which version of its details on it is to be highly available; and of which version its host said that its watchdog guards it.
-- Only where the second has reached the first may a lease that ran out be relied on.
alter table instance add column guard_from bigint;
alter table instance_observed add column guarded_version bigint;
