lock table host in access exclusive mode;
lock table maintenance in row exclusive mode;

-- A host that was removed is in no cluster once its own is deleted: what names it, such as migrations, stays.
alter table host alter column cluster_id drop not null;
alter table host add constraint host_in_cluster check (cluster_id is not null or removed_at is not null);

-- A host that was removed is not in maintenance any more. Controllers of the version before leave such rows behind still: nobody lists them.
delete from maintenance x using host h where h.id = x.host_id and h.removed_at is not null;
