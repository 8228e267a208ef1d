-- Disks beyond the root disk: ephemeral and swap disks of a flavor, volumes that are made before an instance and outlive it,
-- and instances that start from a volume, a CD-ROM image or the network.

alter table flavor add column ephemeral_gib integer not null default 0 check (ephemeral_gib >= 0);
alter table flavor add column swap_mib integer not null default 0 check (swap_mib >= 0);

alter table instance add column boot text not null default 'image' check (boot in ('image', 'volume', 'iso', 'network'));
alter table instance add column ephemeral_gib integer not null default 0;
alter table instance add column swap_mib integer not null default 0;

-- Null: on no host yet; the first instance that uses it decides.
alter table volume alter column host_id drop not null;
alter table volume drop constraint volume_role_check;
alter table volume add constraint volume_role_check check (role in ('root', 'ephemeral', 'swap', 'data'));
-- The exact size where it is no whole number of GiB; size_gib is that rounded up, and what quota and host reckon with.
alter table volume add column size_mib integer check (size_mib > 0);
-- It stays when its instance is purged.
alter table volume add column keep boolean not null default false;
-- Its host has content of it: one that is not there any more is lost, and never made anew.
alter table volume add column made boolean not null default false;
-- To be removed from its host; the row goes when the host has said that nothing is left.
alter table volume add column deleted_at timestamptz;
alter table volume add column version bigint not null default 1;
alter table volume add constraint volume_placed check (host_id is not null or (instance_id is null and not made));
alter table volume add constraint volume_deleted check (deleted_at is null or instance_id is null);

create index on volume (project_id, name);
create index on volume (host_id) where instance_id is null;
create index on volume (host_id, image_id);
