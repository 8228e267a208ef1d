-- From which generation on nothing but the size of a guest that runs has changed: it goes on running while its host gives it more.
-- Null: something else has.
alter table instance add column grows_from bigint;

-- What its host has done of what is wanted, as far as states go: growing is no state. The same as appliedOf in src/model/instance.ts.
create function instance_applied(applied_generation bigint, power text, generation bigint, grows_from bigint)
returns bigint language sql immutable parallel safe as
$$ select case when applied_generation >= grows_from and power in ('running', 'paused') then greatest(applied_generation, generation)
  else applied_generation end $$;

-- By which version of an instance's details its new host has said that its watchdog guards it; null: it has not. With this, a lease that is
-- over says of the new host, too, that the instance does not run there.
alter table migration add column guarded_version bigint;
