-- What is there and is changed or indexed here is locked first, in the order in which controllers lock (store/database.ts).
lock table host, port_address in access exclusive mode;

-- Of which link (its epoch) the host is expected to dial again: it ended with its controller, which is back. Its host has no link, and whoever decides
-- anything goes by that; but how its instances are shown stays as it was for a moment (store/host-link.ts), which for ten thousand hosts is most of
-- what a controller's start would cost. A newer link has a newer epoch, whoever began it, so this never says anything of that.
alter table host add column expected_epoch bigint;
create index host_expected on host (id) where expected_epoch is not null;

create function host_shown_there(controller_id uuid, epoch bigint, expected bigint) returns boolean language sql immutable parallel safe as
$$ select controller_id is not null or expected is not distinct from epoch $$;

drop trigger note_state on host;
create trigger note_state after update of session_controller_id, session_epoch, expected_epoch on host for each row
  when (host_shown_there(new.session_controller_id, new.session_epoch, new.expected_epoch)
    <> host_shown_there(old.session_controller_id, old.session_epoch, old.expected_epoch)) execute function note_link();
drop trigger keep_state on host;
create constraint trigger keep_state after update of session_controller_id, session_epoch, expected_epoch on host deferrable initially deferred
  for each row when (host_shown_there(new.session_controller_id, new.session_epoch, new.expected_epoch)
    <> host_shown_there(old.session_controller_id, old.session_epoch, old.expected_epoch)) execute function keep_states();
-- What is shown of a host has changed: it counts as changed, by which keep_states finds its instances (0013, 0021).
drop trigger note_change on host;
create trigger note_change before update of name, cluster_id, schedulable, labels, facts, vcpus_limit, memory_limit_mib, disk_limit_gib,
  session_controller_id, session_epoch, expected_epoch, removed_at, changes on host for each row execute function note_change();

-- As in 0021, but for what is shown of the host.
create or replace function keep_states() returns trigger language plpgsql as
$$ declare
  noted text := current_setting('croft.touched', true);
  ids uuid[];
begin
  if noted is null or noted = '' then return null; end if;
  perform set_config('croft.touched', '', true);
  ids := string_to_array(trim(trailing ',' from translate(noted, 'hp', '')), ',')::uuid[];
  if noted like 'h%' then
    lock table instance_state_place in share mode;
    ids := ids || array(select i.id from instance i join host h on h.id = i.host_id where h.changed_xid = pg_current_xact_id());
  end if;
  if noted like '%p%' then lock table instance_state_place in row exclusive mode; end if;
  perform 1 from instance_state where instance_id = any(ids) order by instance_id for update;
  insert into instance_state as s (instance_id, state, project_id, name, created_at)
    select i.id, instance_state_of(i.wanted_power, i.generation, i.deleted_at is not null, i.held_generation is not null,
      o.power, instance_applied(o.applied_generation, o.power, i.generation, i.grows_from), o.failure,
      host_shown_there(h.session_controller_id, h.session_epoch, h.expected_epoch),
      exists (select from migration m where m.instance_id = i.id and m.phase in ('preparing', 'sending'))),
      i.project_id, i.name, i.created_at
    from instance i join host h on h.id = i.host_id left join instance_observed o on o.instance_id = i.id
    where i.id = any(ids) order by i.id
  on conflict (instance_id) do update set state = excluded.state, name = excluded.name
    where (s.state, s.name) is distinct from (excluded.state, excluded.name);
  return null;
end $$;

-- Addresses of a project, in their order: who looks for those that begin with a text reads none of other projects (store/found-by.ts). An index and
-- no second place of the fact: it is filled from the port, by this trigger and nothing else, and a port stays in its project.
alter table port_address add column project_id uuid;
update port_address a set project_id = p.project_id from port p where p.id = a.port_id;
create function port_address_project() returns trigger language plpgsql as
$$ begin
  select p.project_id into new.project_id from port p where p.id = new.port_id;
  return new;
end $$;
create trigger note_project before insert on port_address for each row execute function port_address_project();
-- Partial, so that a look through all projects does not take it, and sort what it finds.
create index on port_address (project_id, address) where project_id is not null;
