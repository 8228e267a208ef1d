-- What hosts say of themselves counts only as far as it was confirmed (docs/design/0014-what-hosts-say.md).
-- Where other hosts reach it: as it said when it was registered, or an operator has set; null: not known. What it says beyond that is
-- shown and not used. And where its link came from, as the controller saw it.
alter table host add column tunnel_address text, add column link_address text;
update host set tunnel_address = facts->>'tunnel_address' where coalesce(facts->>'tunnel_address', '') <> '';
-- Who reads a pool's directory knows its secret, and nobody else: who names its mark without that is none of its hosts. Null: no host
-- has told one yet, all of them are older than that.
alter table pool add column secret_sha256 bytea;
-- Which others have reached a host while it was there, at this address and in this boot: only of those a silence means anything once it is lost.
create table host_reach (
  host_id uuid primary key references host on delete cascade,
  address text not null,
  boot_id text not null,
  asked_at timestamptz not null default croft_now(),
  -- How many others were asked: with more of them there, it is asked anew.
  asked integer not null,
  reached_by uuid[] not null default '{}',
  -- How often in a row nobody reached it, though somebody had: it may be on its way down.
  missed integer not null default 0
);

-- By which token or key somebody came to a console: it ends with that. Null: by a link, or before this was noted.
alter table console_ticket add column token_sha256 bytea;
alter table console_viewer add column token_sha256 bytea;
