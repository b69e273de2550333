-- What users uploaded; the bytes are in files of the same ids.
create table files (
  id uuid primary key,
  owner_id uuid not null,
  name text not null check (length(name) between 1 and 200),
  content_type text not null,
  bytes bigint not null check (bytes >= 0),
  sha256 text not null,
  created_at timestamptz(3) not null default now()
);
create index files_of_owner on files (owner_id, created_at);
