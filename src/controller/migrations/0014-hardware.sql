-- Hardware that instances have by name or number: CPUs of their own, NUMA nodes, huge pages, PCI devices. Claimed exactly once, by constraint.
alter table host add column cpus integer not null default 0, add column huge_mib bigint not null default 0;
update host set cpus = coalesce((facts->>'cpus')::int, 0) where facts is not null;

-- What fitting looks at, taken from the facts: small, and written only when it has changed.
create table host_hardware (
  host_id uuid primary key references host on delete cascade,
  parts jsonb not null
);

-- Of host_claim: vCPUs that have CPUs of their own, CPUs taken for them, memory in huge pages. Kept by a trigger on hardware_claim.
alter table host_claim
  add column dedicated_vcpus integer not null default 0 check (dedicated_vcpus >= 0),
  add column pinned_cpus integer not null default 0 check (pinned_cpus >= 0),
  add column huge_mib bigint not null default 0 check (huge_mib >= 0);

-- What is asked, as it was when the instance was made; null: nothing special. The memory that it was started with, beside DIMMs.
alter table instance add column hardware jsonb, add column memory_base_mib bigint;

-- What of a host is an instance's; on two hosts while it moves.
create table hardware_claim (
  instance_id uuid not null references instance on delete cascade,
  host_id uuid not null references host on delete cascade,
  dedicated_vcpus integer not null,
  pinned_cpus integer not null,
  huge_mib bigint not null,
  assigned jsonb not null,
  primary key (instance_id, host_id)
);
create index on hardware_claim (host_id);
create table host_cpu_claim (
  host_id uuid not null,
  cpu integer not null,
  instance_id uuid not null,
  primary key (host_id, cpu),
  foreign key (instance_id, host_id) references hardware_claim on delete cascade
);
create index on host_cpu_claim (instance_id, host_id);
create table host_pci_claim (
  host_id uuid not null,
  address text not null,
  instance_id uuid not null,
  primary key (host_id, address),
  foreign key (instance_id, host_id) references hardware_claim on delete cascade
);
create index on host_pci_claim (instance_id, host_id);

create function count_hardware() returns trigger language plpgsql as
$$ begin
  -- In one order, as everywhere.
  perform from host_claim where host_id in (select host_id from changed) order by host_id for update;
  update host_claim k set
    dedicated_vcpus = k.dedicated_vcpus + c.sign * c.dedicated_vcpus,
    pinned_cpus = k.pinned_cpus + c.sign * c.pinned_cpus,
    huge_mib = k.huge_mib + c.sign * c.huge_mib
  from (
    select host_id, case tg_op when 'INSERT' then 1 else -1 end as sign, sum(dedicated_vcpus)::int as dedicated_vcpus,
      sum(pinned_cpus)::int as pinned_cpus, sum(huge_mib)::bigint as huge_mib from changed group by host_id
  ) c where k.host_id = c.host_id;
  return null;
end $$;
create trigger count_hardware_added after insert on hardware_claim referencing new table as changed
  for each statement execute function count_hardware();
create trigger count_hardware_removed after delete on hardware_claim referencing old table as changed
  for each statement execute function count_hardware();

-- Names for kinds of PCI devices that flavors may ask for: only what an alias matches is ever given to a guest.
create table pci_alias (
  id uuid primary key,
  name text not null constraint pci_alias_name_key unique,
  vendor text,
  device text,
  class text,
  is_nic boolean not null default false,
  description text not null default '',
  created_at timestamptz not null default croft_now(),
  check (vendor is not null or device is not null or class is not null)
);
