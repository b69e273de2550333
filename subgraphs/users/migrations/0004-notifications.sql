-- What each user was told. The id is made where it happened: whichever instance hears of it first keeps it, and tells.
create table notifications (
  id uuid primary key,
  user_id uuid not null,
  kind text not null check (kind in ('MESSAGE', 'PAYMENT', 'ACCOUNT')),
  subject_kind text not null check (subject_kind in ('Message', 'Payment', 'User')),
  subject_id text not null,
  created_at timestamptz(3) not null,
  read_at timestamptz(3)
);
create index notifications_of_user on notifications (user_id, created_at desc, id desc);
create index notifications_unread on notifications (user_id) where read_at is null;
