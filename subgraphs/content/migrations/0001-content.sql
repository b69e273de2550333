-- timestamptz(3) throughout, for cursors hold milliseconds.

-- array_to_string is not immutable in general, but of text it is.
create function tags_text(tags text[]) returns text language sql immutable parallel safe
  as $$ select array_to_string(tags, ' ') $$;

create table posts (
  id uuid primary key default gen_random_uuid(),
  slug text not null constraint posts_slug unique,
  title text not null check (char_length(title) between 1 and 200),
  body text not null check (char_length(body) between 1 and 20000),
  tags text[] not null default '{}' check (cardinality(tags) <= 10),
  status text not null check (status in ('DRAFT', 'PUBLISHED')),
  author_id uuid not null,
  discount_percent integer not null default 0 check (discount_percent between 0 and 90),
  tax_class text not null default 'STANDARD' check (tax_class in ('STANDARD', 'EDITORIAL')),
  purchase_count integer not null default 0,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  published_at timestamptz(3),
  search tsvector not null generated always as (
    setweight(to_tsvector('english', title), 'A')
    || setweight(to_tsvector('english', tags_text(tags)), 'B')
    || setweight(to_tsvector('english', body), 'C')
  ) stored,
  constraint posts_published check ((status = 'PUBLISHED') = (published_at is not null))
);

create index posts_feed on posts (published_at desc, id desc) where status = 'PUBLISHED';
create index posts_of_author on posts (author_id, created_at desc, id desc);
create index posts_search on posts using gin (search);

create table media (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (kind in ('Video', 'Podcast')),
  title text not null,
  url text not null,
  duration_seconds integer not null check (duration_seconds > 0),
  creator_id uuid not null,
  height integer,
  episode integer,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  published_at timestamptz(3) not null default now(),
  search tsvector not null generated always as (setweight(to_tsvector('english', title), 'A')) stored,
  constraint media_of_its_kind check ((kind = 'Video') = (height is not null) and (kind = 'Podcast') = (episode is not null))
);

create index media_feed on media (published_at desc, id desc);
create index media_search on media using gin (search);

create table post_media (
  post_id uuid not null references posts (id) on delete cascade,
  media_id uuid not null references media (id) on delete cascade,
  position integer not null check (position between 1 and 10),
  primary key (post_id, position),
  unique (post_id, media_id)
);

create table announcements (
  id uuid primary key default gen_random_uuid(),
  title text not null check (char_length(title) between 1 and 200),
  body text not null check (char_length(body) between 1 and 5000),
  level text not null check (level in ('INFO', 'WARNING', 'CRITICAL')),
  author_id uuid not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  search tsvector not null generated always as (
    setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'C')
  ) stored
);

create index announcements_feed on announcements (created_at desc, id desc);
create index announcements_search on announcements using gin (search);

-- What everybody reads. Each branch has an index in the order of the feed, so a page reads only its rows.
create view published as
  select 'Post'::text as kind, id, published_at, search from posts where status = 'PUBLISHED'
  union all
  select 'Announcement'::text, id, created_at, search from announcements
  union all
  select kind, id, published_at, search from media;

create table conversations (
  id uuid primary key default gen_random_uuid(),
  title text not null check (char_length(title) between 1 and 200),
  topic_kind text check (topic_kind in ('Post', 'Payment')),
  topic_id uuid,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  check ((topic_kind is null) = (topic_id is null))
);

create table participants (
  conversation_id uuid not null references conversations (id) on delete cascade,
  user_id uuid not null,
  joined_at timestamptz(3) not null default now(),
  primary key (conversation_id, user_id)
);

create index participants_of_user on participants (user_id);

create table messages (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null,
  sender_id uuid not null,
  body text not null check (char_length(body) between 1 and 5000),
  edited boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- Who does not take part cannot speak, whatever a resolver forgets.
  foreign key (conversation_id, sender_id) references participants (conversation_id, user_id) on delete cascade
);

create index messages_of_conversation on messages (conversation_id, created_at desc, id desc);

create table bookmarks (
  user_id uuid not null,
  post_id uuid not null references posts (id) on delete cascade,
  note text check (char_length(note) <= 500),
  created_at timestamptz(3) not null default now(),
  primary key (user_id, post_id)
);

create index bookmarks_of_user on bookmarks (user_id, created_at desc, post_id desc);
