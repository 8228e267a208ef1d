-- After a boot its agent starts no guest whose disks other hosts reach before a controller has named it: so what ran there may run elsewhere once
-- the machine was surely off, whether or not its watchdog guards it. Older agents start what they ran.
alter table host add column asks_first boolean not null default false;
