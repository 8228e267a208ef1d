-- This and all up to 0027 are one transaction, in a database to which controllers of the version before go on writing. All that these lock is locked
-- here, in the order in which controllers lock (store/database.ts), each as strongly as is needed later. `event` is the last one, as it is of
-- nearly all that controllers do: with an index on it made first, who has changed a host and tells of it would wait for this, and this for the host.
-- Here rather than with the statements that need it: so the order is seen, and an attempt that has to begin anew (store/migrate.ts) has built nothing.
lock table host_registration, host in access exclusive mode;
lock table instance, volume in share mode;
lock table migration in access exclusive mode;
lock table ha_restart, port, floating_ip, event in share mode;

-- What concerns one person of all that has happened, read in order from any place without a look at the rest (store/event.ts). Partial: what
-- happens most, to instances and their parts, is in none of them.
-- What belongs to no project, by what it is.
create index event_of_cloud on event (noun, xid, seq) where project_id is null;
-- What somebody did: where it belongs to no project, and with who may do what in any.
create index event_own on event (user_id, xid, seq)
  where user_id is not null and (project_id is null or noun in ('domain', 'project', 'user', 'role', 'role-grant', 'quota'));
-- What was given to somebody, or taken.
create index event_given on event ((detail->>'user_id'), xid, seq) where noun = 'role-grant';

-- Restarts of a project, and those on a host.
create index on ha_restart (project_id, id);
create index on ha_restart (to_host_id, id);

-- The end of an id, which is shown of what has no name.
create index on instance (right(id::text, 8));
create index on volume (right(id::text, 8));
create index on port (right(id::text, 8));
create index on floating_ip (right(id::text, 8));
