-- A part of a name, among a hundred thousand: by the name's groups of three letters (PostgreSQL manual, F.35). The extension comes with
-- PostgreSQL, and who may create tables in a database may create it, as btree_gist.
create extension if not exists pg_trgm;
create index on instance using gin (name gin_trgm_ops);
create index on volume using gin (name gin_trgm_ops);

-- How many instances each host has, without a look at any of them.
create index on instance (host_id) where deleted_at is null;
