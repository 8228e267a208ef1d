-- By what a host's machine is known that no copy of its disk has (src/model/hardware-id.ts); null: not known. And the last machine that had
-- its key and was another one: {hardware, address, since, last_at}, until an operator says yes to it or it asks no more.
alter table host add column hardware_id jsonb, add column other_hardware jsonb;
create index host_other_hardware on host (id) where other_hardware is not null;
alter table host_registration add column hardware_id jsonb;
-- What was counted of the host (host_claim.changes + passed) when its link ended: what this database did itself since then is none of what
-- the host can have heard. Null while it is linked, and of hosts whose link ended before this was kept. counted_epoch is the session_epoch of that
-- link: a controller of the version before has links of which it neither writes nor clears this, but it counts them.
alter table host add column counted_at_end bigint, add column counted_epoch bigint;
