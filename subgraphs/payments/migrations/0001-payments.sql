-- Amounts are integers in the minor unit of their currency. timestamptz(3), for cursors hold milliseconds.

create table price_list (
  item_id uuid primary key,
  item_kind text not null check (item_kind in ('POST', 'MEDIA')),
  seller_id uuid not null,
  amount integer not null check (amount between 1 and 99999999),
  currency text not null check (currency in ('EUR', 'GBP', 'JPY', 'USD')),
  updated_at timestamptz(3) not null default now()
);

create table payments (
  id uuid primary key default gen_random_uuid(),
  provider_reference uuid not null unique default gen_random_uuid(),
  payer_id uuid not null,
  seller_id uuid not null,
  item_id uuid not null,
  item_kind text not null check (item_kind in ('POST', 'MEDIA')),
  quantity integer not null check (quantity between 1 and 100),
  amount integer not null check (amount between 1 and 99999999),
  currency text not null check (currency in ('EUR', 'GBP', 'JPY', 'USD')),
  refunded integer not null default 0 check (refunded between 0 and amount),
  status text not null default 'REQUIRES_CONFIRMATION',
  method text check (method in ('CARD', 'BANK_TRANSFER')),
  failure_reason text,
  idempotency_key text not null,
  -- SHA-256 of the input that came with the key.
  fingerprint text not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  constraint payments_idempotency unique (payer_id, idempotency_key),
  constraint payments_status_tells_refunded check (
    (status = 'REFUNDED') = (refunded = amount)
    and (status = 'PARTIALLY_REFUNDED') = (refunded > 0 and refunded < amount)
  )
);

create index payments_of_payer on payments (payer_id, created_at desc, id desc);
create index payments_of_item on payments (item_id, created_at desc, id desc);
create index payments_of_seller on payments (seller_id, currency) include (amount, refunded);

create table refunds (
  id uuid primary key default gen_random_uuid(),
  payment_id uuid not null references payments (id),
  amount integer not null check (amount > 0),
  reason text,
  requested_by uuid not null,
  idempotency_key text not null,
  fingerprint text not null,
  created_at timestamptz(3) not null default now(),
  constraint refunds_idempotency unique (requested_by, idempotency_key)
);

create index refunds_of_payment on refunds (payment_id, created_at, id);

-- What the provider told, each event once.
create table webhook_events (
  id text primary key,
  type text not null,
  body_hash text not null,
  received_at timestamptz(3) not null default now()
);

-- The state machine, a second time: `payment-state.ts` refuses with a message, this refuses in any case.
create table payment_transitions (
  from_status text not null,
  to_status text not null,
  primary key (from_status, to_status)
);

insert into payment_transitions (from_status, to_status) values
  ('REQUIRES_CONFIRMATION', 'PROCESSING'),
  ('REQUIRES_CONFIRMATION', 'CANCELED'),
  ('PROCESSING', 'SUCCEEDED'),
  ('PROCESSING', 'FAILED'),
  ('SUCCEEDED', 'PARTIALLY_REFUNDED'),
  ('SUCCEEDED', 'REFUNDED'),
  ('PARTIALLY_REFUNDED', 'PARTIALLY_REFUNDED'),
  ('PARTIALLY_REFUNDED', 'REFUNDED');

create function check_payment_transition() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.status <> 'REQUIRES_CONFIRMATION' or new.refunded <> 0 then
      raise exception 'a payment begins as REQUIRES_CONFIRMATION' using errcode = 'check_violation';
    end if;
    return new;
  end if;
  if (new.payer_id, new.seller_id, new.item_id, new.item_kind, new.quantity, new.amount, new.currency,
      new.provider_reference, new.idempotency_key, new.fingerprint)
    is distinct from
     (old.payer_id, old.seller_id, old.item_id, old.item_kind, old.quantity, old.amount, old.currency,
      old.provider_reference, old.idempotency_key, old.fingerprint) then
    raise exception 'what a payment began with never changes' using errcode = 'check_violation';
  end if;
  if new.refunded < old.refunded then
    raise exception 'a refund is never taken back' using errcode = 'check_violation';
  end if;
  if not exists (
    select 1 from payment_transitions where from_status = old.status and to_status = new.status
  ) then
    raise exception 'a payment that is % cannot become %', old.status, new.status using errcode = 'check_violation';
  end if;
  return new;
end
$$;

create trigger payment_transition before insert or update on payments
  for each row execute function check_payment_transition();

-- Looked at when the transaction ends, for the refund and the payment are two statements.
create function check_refund_sum() returns trigger language plpgsql as $$
begin
  if (select refunded from payments where id = new.payment_id)
    <> (select coalesce(sum(amount), 0) from refunds where payment_id = new.payment_id) then
    raise exception 'the refunds of payment % do not add up', new.payment_id using errcode = 'check_violation';
  end if;
  return null;
end
$$;

create constraint trigger refund_sum after insert or update on refunds
  deferrable initially deferred for each row execute function check_refund_sum();

create function check_payment_refunded() returns trigger language plpgsql as $$
begin
  if (select refunded from payments where id = new.id)
    <> (select coalesce(sum(amount), 0) from refunds where payment_id = new.id) then
    raise exception 'the refunds of payment % do not add up', new.id using errcode = 'check_violation';
  end if;
  return null;
end
$$;

create constraint trigger payment_refunded after update of refunded on payments
  deferrable initially deferred for each row execute function check_payment_refunded();
