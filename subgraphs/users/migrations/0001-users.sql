create table users (
  id uuid primary key default gen_random_uuid(),
  username text not null constraint users_username_key unique check (username ~ '^[a-z][a-z0-9_]{2,31}$'),
  -- Lower case, as it is compared.
  email text not null constraint users_email_key unique check (email = lower(email)),
  password_hash text not null,
  display_name text not null check (char_length(display_name) between 1 and 80),
  bio text check (char_length(bio) <= 500),
  avatar_url text check (char_length(avatar_url) <= 2000),
  roles text[] not null default '{USER}' check (cardinality(roles) > 0 and roles <@ '{USER,EDITOR,ADMIN}'),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

-- One sign-in: the family of the refresh tokens that followed one another.
create table sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references users on delete cascade,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  ended_at timestamptz(3)
);
create index sessions_user_id on sessions (user_id);

-- Used tokens stay until their session goes: a second use is how a theft shows.
create table refresh_tokens (
  -- SHA-256: the token itself has 256 random bits, so nothing slower is needed.
  hash bytea primary key,
  session_id uuid not null references sessions on delete cascade,
  expires_at timestamptz(3) not null,
  used_at timestamptz(3)
);
create index refresh_tokens_session_id on refresh_tokens (session_id);
