-- A source at its hand-over that does not hear from its target asks it by way of the controllers (docs/design/0009-moving.md): by which name, which is
-- one for each hand-over, and the target's answer that it never took the guest, as it gave it. Null: it does not ask; there is no answer yet.
alter table migration add column asks uuid, add column never text;
