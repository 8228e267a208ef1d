-- What was placed on another host because its own refused to bring it up is a kind of its own: nobody lost a host.
alter table migration drop constraint migration_kind_check;
alter table migration add constraint migration_kind_check check (kind in ('live', 'cold', 'evacuation', 'retry'));
update migration set kind = 'retry' where cause = 'refused' and kind = 'evacuation';
