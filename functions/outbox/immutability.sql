-- Immutability: messages and attempts are never changed or deleted, not by the owner either, but for bodies that are
-- erased after the message ended. Old days go with their partitions. A trigger for each row is on every partition, and
-- costs an insert nothing.
create or replace function outbox.refuse_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.raise('outbox_is_immutable', pg_catalog.jsonb_build_object(
        'table', tg_table_name, 'command', pg_catalog.lower(tg_op)
    ));
    return null;
end;
$$;

comment on function outbox.refuse_change() is
e'Trigger: refuses the statement.\n\n'
'Errors: outbox_is_immutable.';

create or replace function outbox.keep_message()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erased outbox.messages := old;
begin
    v_erased.body := null;
    v_erased.headers := null;
    v_erased.erased_at := new.erased_at;
    if new is distinct from v_erased or old.erased_at is not null or exists (
        select from outbox.queue as q where q.message_id = old.message_id
        union all
        select from outbox.undigested as u where u.message_id = old.message_id
        union all
        select from outbox.dead_letters as d where d.message_id = old.message_id
    ) then
        perform core.raise('outbox_is_immutable', pg_catalog.jsonb_build_object('table', 'messages'));
    end if;
    return new;
end;
$$;

comment on function outbox.keep_message() is
e'Trigger: lets a message''s body and headers be erased after it ended, and nothing else be changed.\n\n'
'Errors: outbox_is_immutable.';

create or replace function outbox.keep_attempt()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erased outbox.attempts := old;
begin
    v_erased.response_headers := null;
    v_erased.response_body := null;
    -- The message's body goes first.
    if new is distinct from v_erased or not exists (
        select
        from outbox.messages as m
        where m.message_id = old.message_id and m.made_on = old.made_on and m.erased_at is not null
    ) then
        perform core.raise('outbox_is_immutable', pg_catalog.jsonb_build_object('table', 'attempts'));
    end if;
    return new;
end;
$$;

comment on function outbox.keep_attempt() is
e'Trigger: lets a response be erased with its message''s body, and nothing else be changed.\n\n'
'Errors: outbox_is_immutable.';

create or replace trigger messages_change_by_erasure_only
before update on outbox.messages
for each row execute function outbox.keep_message();

create or replace trigger messages_are_never_deleted
before delete on outbox.messages
for each row execute function outbox.refuse_change();

create or replace trigger attempts_change_by_erasure_only
before update on outbox.attempts
for each row execute function outbox.keep_attempt();

create or replace trigger attempts_are_never_deleted
before delete on outbox.attempts
for each row execute function outbox.refuse_change();

create or replace trigger never_truncated
before truncate on outbox.messages
for each statement execute function outbox.refuse_change();

create or replace trigger never_truncated
before truncate on outbox.attempts
for each statement execute function outbox.refuse_change();

select core.copy_statement_triggers_to_partitions('outbox.messages');

select core.copy_statement_triggers_to_partitions('outbox.attempts');
