-- Calls between two participants of a conversation. One that rings for a minute is missed: that is computed, not written.
create table calls (
  id uuid primary key default gen_random_uuid(),
  conversation_id uuid not null,
  caller_id uuid not null,
  callee_id uuid not null check (callee_id <> caller_id),
  media text not null check (media in ('AUDIO', 'VIDEO')),
  status text not null default 'RINGING' check (status in ('RINGING', 'ACCEPTED', 'REJECTED', 'ENDED')),
  -- Whose offer waits for its answer.
  offered_by uuid check (offered_by in (caller_id, callee_id)),
  created_at timestamptz(3) not null default now(),
  rings_until timestamptz(3) not null default now() + interval '60 seconds',
  answered_at timestamptz(3),
  ended_at timestamptz(3),
  foreign key (conversation_id, caller_id) references participants (conversation_id, user_id) on delete cascade,
  foreign key (conversation_id, callee_id) references participants (conversation_id, user_id) on delete cascade
);
create index calls_of_conversation on calls (conversation_id) where status in ('RINGING', 'ACCEPTED');
