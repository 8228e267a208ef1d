lock table instance, host_absence in access exclusive mode;

-- With which instances one is to share its host, and with which not. Null: as its placement says that was asked, of one that a controller of the version
-- before has made. Each placement of an instance says the same of it.
alter table instance add column same_as uuid[];
alter table instance add column different_from uuid[];
update instance i set
  same_as = array(select jsonb_array_elements_text(p.asked->'same_as')::uuid),
  different_from = array(select jsonb_array_elements_text(p.asked->'different_from')::uuid)
from (
  select distinct on (instance_id) instance_id, decision->'asked' as asked from placement
  where instance_id is not null and decision->'asked' ?| array['same_as', 'different_from'] order by instance_id, id desc
) p where i.id = p.instance_id;

-- Fenced by power that was off before anybody cut it.
alter table host_absence add column power_was_off boolean not null default false;
