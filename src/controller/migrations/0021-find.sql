-- In which state each instance is shown, kept so that lists can be filtered and sorted by it. An index and no third state: nobody writes
-- it but these triggers, and nothing is decided by it (docs/design/0005-wanted-and-observed.md). With what lists are sorted by beside it,
-- so that one index carries filter and order. No references but the one: the row is the instance's.
create table instance_state (
  instance_id uuid primary key references instance on delete cascade,
  state text not null,
  project_id uuid not null,
  name text not null,
  created_at timestamptz not null
);

-- The same as instanceState in src/model/instance.ts, with "held" before it as in store/instance-shown.ts; a test goes through every
-- combination. `answers`: its host is linked. `power` and what follows are null where nothing was reported yet.
create function instance_state_of(
  wanted_power text, generation bigint, deleted boolean, held boolean,
  power text, applied_generation bigint, failure text, answers boolean, moving boolean
) returns text language sql immutable parallel safe as
$$ select case
  when held then 'unknown'
  when deleted and power in ('stopped', 'absent') and applied_generation >= generation then 'deleted'
  when deleted then 'deleting'
  when not answers then 'unknown'
  when power is null and wanted_power = 'running' then 'starting'
  when applied_generation >= generation and failure is not null then 'error'
  when wanted_power = 'stopped' and power in ('running', 'paused') then 'stopping'
  when wanted_power = 'stopped' and moving then 'migrating'
  when wanted_power = 'stopped' then 'stopped'
  when applied_generation < generation and power = 'running' then 'rebooting'
  when applied_generation < generation then 'starting'
  when power = 'crashed' then 'error'
  when power in ('stopped', 'absent') then 'starting'
  when moving then 'migrating'
  else power
end $$;

-- Nothing is in it. Whose lock lets commits that place instances on hosts pass each other, and those that link hosts, but not one kind
-- the other: else an instance that comes to a host which goes at that moment would be missed by both.
create table instance_state_place (id integer);

-- What this transaction has changed is noted at once: ids, each with a comma after it, 'p' where one came to another host, 'h' where a host
-- came or went. It is looked at once, at the commit, when the transaction has all its other locks: so that nobody waits in a circle.
create function instance_state_note(said text) returns void language plpgsql as
$$ begin
  perform set_config('croft.touched', coalesce(current_setting('croft.touched', true), '') || said, true);
end $$;

create function note_instances() returns trigger language plpgsql as
$$ declare
  said text;
begin
  select string_agg(id || ',', '') into said from fresh;
  if said is not null then perform instance_state_note('p' || said); end if;
  return null;
end $$;
create trigger note_state after insert on instance referencing new table as fresh for each statement execute function note_instances();

create function note_changed_instances() returns trigger language plpgsql as
$$ declare
  said text;
begin
  select string_agg(case when f.host_id <> w.host_id then 'p' else '' end || f.id || ',', '') into said
  from fresh f join was w on w.id = f.id
  where (f.wanted_power, f.generation, f.deleted_at is null, f.held_generation is null, f.host_id, f.name)
    is distinct from (w.wanted_power, w.generation, w.deleted_at is null, w.held_generation is null, w.host_id, w.name);
  if said is not null then perform instance_state_note(said); end if;
  return null;
end $$;
create trigger note_changed_state after update on instance referencing old table as was new table as fresh
  for each statement execute function note_changed_instances();

create function note_observed() returns trigger language plpgsql as
$$ declare
  said text;
begin
  select string_agg(instance_id || ',', '') into said from fresh;
  if said is not null then perform instance_state_note(said); end if;
  return null;
end $$;
create trigger note_state after insert on instance_observed referencing new table as fresh for each statement execute function note_observed();

create function note_changed_observed() returns trigger language plpgsql as
$$ declare
  said text;
begin
  select string_agg(f.instance_id || ',', '') into said from fresh f join was w on w.instance_id = f.instance_id
  where (f.applied_generation, f.power, f.failure is null) is distinct from (w.applied_generation, w.power, w.failure is null);
  if said is not null then perform instance_state_note(said); end if;
  return null;
end $$;
create trigger note_changed_state after update on instance_observed referencing old table as was new table as fresh
  for each statement execute function note_changed_observed();

create function note_moving() returns trigger language plpgsql as
$$ begin
  perform instance_state_note(coalesce(new.instance_id, old.instance_id) || ',');
  return null;
end $$;
create trigger note_state after insert on migration for each row
  when (new.phase in ('preparing', 'sending')) execute function note_moving();
create trigger note_changed_state after update of phase on migration for each row
  when ((new.phase in ('preparing', 'sending')) <> (old.phase in ('preparing', 'sending'))) execute function note_moving();
create trigger note_gone_state after delete on migration for each row
  when (old.phase in ('preparing', 'sending')) execute function note_moving();

create function note_link() returns trigger language plpgsql as
$$ begin
  if coalesce(current_setting('croft.touched', true), '') not like 'h%' then
    perform set_config('croft.touched', 'h' || coalesce(current_setting('croft.touched', true), ''), true);
  end if;
  return null;
end $$;
create trigger note_state after update of session_controller_id on host for each row
  when ((new.session_controller_id is null) <> (old.session_controller_id is null)) execute function note_link();

-- All that was noted, once, in the order of ids. Each row is locked first and looked at by a statement of its own, which sees what others
-- that had the lock before have committed: whoever comes last knows of all.
create function keep_states() returns trigger language plpgsql as
$$ declare
  noted text := current_setting('croft.touched', true);
  ids uuid[];
begin
  if noted is null or noted = '' then return null; end if;
  perform set_config('croft.touched', '', true);
  ids := string_to_array(trim(trailing ',' from translate(noted, 'hp', '')), ',')::uuid[];
  if noted like 'h%' then
    lock table instance_state_place in share mode;
    -- Whose link changed has this number: trigger note_change, in 0013.
    ids := ids || array(select i.id from instance i join host h on h.id = i.host_id where h.changed_xid = pg_current_xact_id());
  end if;
  if noted like '%p%' then lock table instance_state_place in row exclusive mode; end if;
  perform 1 from instance_state where instance_id = any(ids) order by instance_id for update;
  insert into instance_state as s (instance_id, state, project_id, name, created_at)
    select i.id, instance_state_of(i.wanted_power, i.generation, i.deleted_at is not null, i.held_generation is not null,
      o.power, instance_applied(o.applied_generation, o.power, i.generation, i.grows_from), o.failure,
      h.session_controller_id is not null,
      exists (select from migration m where m.instance_id = i.id and m.phase in ('preparing', 'sending'))),
      i.project_id, i.name, i.created_at
    from instance i join host h on h.id = i.host_id left join instance_observed o on o.instance_id = i.id
    where i.id = any(ids) order by i.id
  on conflict (instance_id) do update set state = excluded.state, name = excluded.name
    where (s.state, s.name) is distinct from (excluded.state, excluded.name);
  return null;
end $$;
create constraint trigger keep_state after insert on instance deferrable initially deferred for each row execute function keep_states();
create constraint trigger keep_changed_state after update of wanted_power, generation, deleted_at, held_generation, host_id, name on instance
  deferrable initially deferred for each row execute function keep_states();
create constraint trigger keep_state after insert on instance_observed deferrable initially deferred for each row
  execute function keep_states();
create constraint trigger keep_changed_state after update of applied_generation, power, failure on instance_observed
  deferrable initially deferred for each row
  when ((new.applied_generation, new.power, new.failure is null) is distinct from (old.applied_generation, old.power, old.failure is null))
  execute function keep_states();
create constraint trigger keep_state after insert or update of phase or delete on migration
  deferrable initially deferred for each row execute function keep_states();
create constraint trigger keep_state after update of session_controller_id on host deferrable initially deferred for each row
  when ((new.session_controller_id is null) <> (old.session_controller_id is null)) execute function keep_states();

insert into instance_state (instance_id, state, project_id, name, created_at)
  select i.id, instance_state_of(i.wanted_power, i.generation, i.deleted_at is not null, i.held_generation is not null,
    o.power, instance_applied(o.applied_generation, o.power, i.generation, i.grows_from), o.failure,
    h.session_controller_id is not null, m.id is not null), i.project_id, i.name, i.created_at
  from instance i join host h on h.id = i.host_id left join instance_observed o on o.instance_id = i.id
  left join migration m on m.instance_id = i.id and m.phase in ('preparing', 'sending');
create index on instance_state (project_id, state, instance_id);
create index on instance_state (project_id, state, name, instance_id);
create index on instance_state (project_id, state, created_at, instance_id);
create index on instance_state (state, instance_id);
create index on instance_state (state, name, instance_id);
create index on instance_state (state, created_at, instance_id);

-- Whose an address or a MAC is, whatever the network.
create index on port_address (address);
create index on port (mac);
create index on floating_ip (address);
