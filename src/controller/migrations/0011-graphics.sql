-- What an instance's screen is reached by, and whether its clipboard is shared. What was there before has what it had.
alter table instance add column graphics text not null default 'vnc' check (graphics in ('vnc', 'spice'));
alter table instance add column clipboard text not null default 'none' check (clipboard in ('none', 'shared'));

-- SPICE is a console, too. It has a connection for each of screen, keyboard, pointer: those after the first name the viewer that they are of.
alter table console_viewer drop constraint console_viewer_kind_check;
alter table console_viewer add constraint console_viewer_kind_check check (kind in ('serial', 'graphical', 'spice'));
alter table console_ticket add column viewer_id uuid;
