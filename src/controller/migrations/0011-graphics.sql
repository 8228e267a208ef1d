-- What an instance's screen is reached by, whether its clipboard is shared, and its video card. What was there before has what it had.
alter table instance add column graphics text not null default 'vnc' check (graphics in ('vnc', 'spice'));
alter table instance add column clipboard text not null default 'none' check (clipboard in ('none', 'shared'));
alter table instance add column video_model text not null default 'vga' check (video_model in ('vga', 'virtio'));

-- SPICE is a console, too. It has a connection for each of screen, keyboard, pointer: those after the first name the viewer that they are of.
alter table console_viewer drop constraint console_viewer_kind_check;
alter table console_viewer add constraint console_viewer_kind_check check (kind in ('serial', 'graphical', 'spice'));
alter table console_ticket add column viewer_id uuid;
