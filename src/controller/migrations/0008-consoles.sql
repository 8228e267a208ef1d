-- Consoles have kinds, may be for looking on only, and are seen by all who see the instance.
alter table console_ticket add column kind text not null default 'serial';
alter table console_ticket add column view_only boolean not null default false;
alter table console_ticket add column link_id uuid;

-- Links by which somebody without an account looks on, until they run out or are taken back.
create table console_link (
  id uuid primary key,
  instance_id uuid not null references instance on delete cascade,
  secret_sha256 bytea not null unique,
  user_id uuid not null,
  kind text not null check (kind in ('serial', 'graphical')),
  expires_at timestamptz not null,
  created_at timestamptz not null default croft_now()
);
create index on console_link (instance_id);
create index on console_link (expires_at);

-- Who sits at a console now. A row goes when its socket closes, and with the controller that held the socket.
create table console_viewer (
  id uuid primary key,
  instance_id uuid not null references instance on delete cascade,
  controller_id uuid not null references controller on delete cascade,
  link_id uuid references console_link on delete cascade,
  user_id uuid not null,
  kind text not null check (kind in ('serial', 'graphical')),
  view_only boolean not null,
  address text not null,
  opened_at timestamptz not null default croft_now()
);
create index on console_viewer (instance_id);
create index on console_viewer (controller_id);
create index on console_viewer (link_id);
