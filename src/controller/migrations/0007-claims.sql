-- What is claimed of a host gets a row of its own: making instances writes it all the time, and so do hosts' reports to the
-- host's; on one row they waited for each other, and each wrote the facts anew. (Nothing older was ever released that would
-- still write the columns taken away here.)
create table host_claim (
  host_id uuid primary key references host on delete cascade,
  vcpus integer not null default 0 check (vcpus >= 0),
  memory_mib bigint not null default 0 check (memory_mib >= 0),
  disk_gib bigint not null default 0 check (disk_gib >= 0)
) with (fillfactor = 50);
insert into host_claim (host_id, vcpus, memory_mib, disk_gib)
  select id, vcpus_claimed, memory_claimed_mib, disk_claimed_gib from host;
alter table host drop column vcpus_claimed, drop column memory_claimed_mib, drop column disk_claimed_gib;

-- Every host has it from the first moment.
create function add_host_claim() returns trigger language plpgsql as
$$ begin
  insert into host_claim (host_id) values (new.id);
  return new;
end $$;
create trigger add_host_claim after insert on host for each row execute function add_host_claim();

-- Rows that are written again and again find room beside themselves, and their indexes need no new entries (HOT updates).
alter table host set (fillfactor = 60);
alter table quota set (fillfactor = 50);
alter table subnet set (fillfactor = 50);
alter table instance set (fillfactor = 80);
alter table instance_observed set (fillfactor = 70);
alter table operation set (fillfactor = 70);
alter table operation_target set (fillfactor = 70);
