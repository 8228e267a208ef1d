lock table host in access exclusive mode;
lock table ha_restart in share row exclusive mode;

-- What it had reported last as its link began (host.last_report): whatever has a greater number was said over this link. Null: not kept, of a link that
-- a controller of the version before has begun.
alter table host add column reported_before bigint;

-- Restarts that wait (store/ha-waiting.ts) are looked for each second while there are any.
create index ha_restart_waiting on ha_restart (id) where outcome = 'no_room' and ended_at = begun_at;

-- Of those whose loss was over before anybody looked after them, nobody knows any more when something came of it. Only those wait whose instance is
-- still on a host that is not there since.
update ha_restart r set ended_at = r.begun_at + interval '1 ms',
  reason = regexp_replace(r.reason, '^Not restarted yet:', 'Not restarted at once:') || ' What came of it later was not noted.'
where r.outcome = 'no_room' and r.ended_at = r.begun_at and not exists (
  select from instance i join host_absence a on a.host_id = i.host_id
  where i.id = r.instance_id and i.host_id = r.from_host_id and i.deleted_at is null and a.since <= r.begun_at);
