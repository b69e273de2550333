-- Keys of third parties: `sgk_<id>_<secret>`. The id is public, of the secret there is a hash alone.
create table api_keys (
  id text primary key check (id ~ '^[a-z2-7]{12}$'),
  name text not null check (char_length(name) between 1 and 100),
  owner_id uuid not null references users on delete cascade,
  -- SHA-256: the secret has 256 random bits, so nothing slower is needed.
  hash bytea not null check (octet_length(hash) = 32),
  -- While a rotation overlaps, the secret before counts too.
  previous_hash bytea check (octet_length(previous_hash) = 32),
  previous_until timestamptz(3) check ((previous_hash is null) = (previous_until is null)),
  roles text[] not null default '{}' check (roles <@ '{USER,EDITOR,ADMIN}'),
  scopes text[] not null default '{}',
  tier text check (tier ~ '^[a-z][a-z0-9-]{0,31}$'),
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3),
  rotated_at timestamptz(3),
  revoked_at timestamptz(3),
  -- As gateways tell it, twice a minute.
  last_used_at timestamptz(3)
);
create index api_keys_newest on api_keys (created_at desc, id desc);
create index api_keys_owner_id on api_keys (owner_id);
