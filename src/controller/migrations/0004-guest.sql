-- What the guest agent says of its guest, beside its addresses.
alter table instance_observed add column guest_agent text not null default 'disconnected'
  check (guest_agent in ('connected', 'disconnected'));
alter table instance_observed add column guest_os text;
