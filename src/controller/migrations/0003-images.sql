-- Images that are shared with some projects or open to all who know them, and images that are signed.

alter table image drop constraint image_visibility_check;
alter table image add constraint image_visibility_check
  check (visibility in ('public', 'private', 'shared', 'community'));
create index on image (id) where visibility = 'community';

-- Words of the owner's own; Croft never reads them, unlike properties.
alter table image add column tags jsonb not null default '{}';

-- Whom a shared image is shared with, and what they say to it.
create table image_member (
  image_id uuid not null references image on delete cascade,
  project_id uuid not null references project on delete cascade,
  status text not null default 'pending' check (status in ('pending', 'accepted', 'rejected')),
  created_at timestamptz not null default croft_now(),
  answered_at timestamptz,
  primary key (image_id, project_id)
);
create index on image_member (project_id, status, image_id);

-- Public keys whose signatures count. An image keeps name and fingerprint of its own, for when the key is gone.
create table image_key (
  id uuid primary key,
  name text not null constraint image_key_name_key unique,
  description text not null default '',
  -- PEM, SubjectPublicKeyInfo (RFC 5280, section 4.1).
  public_key text not null,
  kind text not null,
  -- SHA-256 of the DER form, hexadecimal.
  fingerprint text not null constraint image_key_fingerprint_key unique,
  created_at timestamptz not null default croft_now()
);

alter table image add column signature bytea;
alter table image add column signature_algorithm text;
-- No reference: it is history once the key is gone.
alter table image add column signing_key_id uuid;
alter table image add column signing_key_name text;
alter table image add column signing_key_fingerprint text;
-- When the content was found to bear the signature; null: not yet, or there is none.
alter table image add column verified_at timestamptz;
