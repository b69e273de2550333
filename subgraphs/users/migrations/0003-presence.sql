-- One row for each live subscription, of all instances. Its instance moves `expires_at` on while it runs.
create table live_connections (
  id uuid primary key,
  user_id uuid not null,
  expires_at timestamptz(3) not null
);
create index live_connections_user_id on live_connections (user_id);
create index live_connections_expires_at on live_connections (expires_at);
