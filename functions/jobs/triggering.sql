-- Triggers: a run for a moment that somebody names is queued for catch_up. The same moment again is the same run.
-- Locks: the job's row (key share), then the run.
-- needs: registry types
create or replace function jobs.signature_refusal(job text, slot text)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_headers jsonb := nullif(pg_catalog.current_setting('request.headers', true), '')::jsonb;
    v_timestamp text := v_headers ->> 'x-cron-timestamp';
    v_given text := v_headers ->> 'x-cron-secret';
    v_key text;
    v_expected bytea;
begin
    if v_timestamp is null or v_given is null then
        return 'no signature';
    end if;
    if not core.has_secret('cron_secret') then
        return 'the secret cron_secret is not set';
    end if;
    if v_timestamp !~ '^[0-9]{1,12}$' or abs(
        extract(epoch from pg_catalog.clock_timestamp()) - v_timestamp::bigint
    ) > 300 then
        return 'the timestamp is not within five minutes';
    end if;
    v_key := core.secret('cron_secret');
    v_expected := extensions.hmac(
        pg_catalog.concat_ws('|', signature_refusal.job, signature_refusal.slot, v_timestamp), v_key, 'sha256'
    );
    -- Hashed again before they are compared: the time that a comparison takes then tells nothing of the signature.
    if extensions.hmac(pg_catalog.encode(v_expected, 'hex'), v_key, 'sha512')
        <> extensions.hmac(v_given, v_key, 'sha512') then
        return 'the signature is wrong';
    end if;

    delete from jobs.used_signatures as u
    where u.expires_at < pg_catalog.clock_timestamp();
    insert into jobs.used_signatures (signature, expires_at)
    values (v_expected, pg_catalog.clock_timestamp() + interval '11 minutes')
    on conflict on constraint used_signatures_pkey do nothing;
    if not found then
        return 'the signature was used before';
    end if;
    return null;
end;
$$;

comment on function jobs.signature_refusal(text, text) is
e'Why the request''s signature does not allow this trigger; null when it does.\n\n'
'A signature is good for one request. Headers: x-cron-timestamp, Unix seconds within five minutes of now; '
'x-cron-secret, lower-case hex of HMAC-SHA256 under the secret cron_secret of `job|slot|timestamp`, the slot as sent.';

create or replace function jobs.may_trigger(job jobs.jobs, name text, slot text, out trigger text, out refusal text)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if core.caller_is_owner() then
        trigger := 'owner';
    elsif core.caller_role() = 'service_role' and 'service_role' = any (job.triggered_by) then
        trigger := 'service_role';
    elsif core.caller_role() = 'authenticated' and 'administrator' = any (job.triggered_by)
        and core.is_administrator() then
        -- Claims that have expired are refused by this.
        perform core.require_administrator();
        trigger := 'administrator';
    else
        -- The same work whatever the job, so that the time it takes tells nobody which jobs accept signatures.
        refusal := jobs.signature_refusal(pg_catalog.left(name, 64), slot);
        if 'signature' = any (job.triggered_by) then
            trigger := 'signature';
        else
            refusal := 'not among those who may trigger it';
        end if;
    end if;
end;
$$;

comment on function jobs.may_trigger(jobs.jobs, text, text) is
e'As what the caller may trigger a job, or why the caller may not.\n\n'
'name: the job''s as the caller wrote it, also when there is none. trigger: owner, service_role, administrator or '
'signature. refusal: for the record, and not for the caller. Errors: '
'not_signed_in when an administrator''s claims have expired.';

create or replace function jobs.parse_slot(slot text)
returns timestamptz
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if slot !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' then
        return null;
    end if;
    return slot::timestamptz;
exception
    when datetime_field_overflow or invalid_datetime_format then
        return null;
end;
$$;

comment on function jobs.parse_slot(text) is
'The moment that a text names as YYYY-MM-DDTHH:MM:SSZ; null for any other text.';

create or replace function jobs.trigger_job(job text, slot text default null)
returns api.job_runs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job jobs.jobs;
    v_allowed record;
    v_oldest timestamptz;
    v_purged_until timestamptz;
    v_slot timestamptz;
    v_run jobs.runs;
begin
    select * into v_job
    from jobs.jobs as j
    where j.job_name = trigger_job.job and j.removed_at is null;
    -- A caller who is refused does not learn which jobs there are.
    select t.trigger, t.refusal into v_allowed
    from jobs.may_trigger(v_job, trigger_job.job, coalesce(trigger_job.slot, '')) as t;
    if v_allowed.refusal is not null then
        return jobs.refuse_trigger(trigger_job.job, v_allowed.refusal);
    end if;
    if v_job.job_name is null then
        perform core.raise('job_not_found', pg_catalog.jsonb_build_object('job', trigger_job.job));
    end if;

    -- An older run may be purged at any moment, and then nothing shows that the slot has run.
    v_oldest := core.now() - least(
        pg_catalog.make_interval(days => core.setting_integer('jobs.history_days')::integer),
        case when v_allowed.trigger <> 'owner' then v_job.catch_up_age end
    );
    v_slot := jobs.parse_slot(coalesce(
        trigger_job.slot, pg_catalog.to_char(core.now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ));
    -- Until the run is committed the job keeps its name: a rename would not see the run, and leave it behind. Nor is
    -- the run of this moment purged after it was not found here.
    select j.purged_until into v_purged_until
    from jobs.jobs as j
    where j.job_name = v_job.job_name
    for key share;
    if not found then
        perform core.raise('job_not_found', pg_catalog.jsonb_build_object('job', trigger_job.job));
    end if;
    if v_slot is null or v_slot > core.now() or v_slot < v_oldest or v_slot <= v_purged_until then
        perform core.raise(
            'slot_invalid', pg_catalog.jsonb_build_object('oldest', greatest(v_oldest, v_purged_until))
        );
    end if;
    loop
        insert into jobs.runs (job_name, slot_at, status, trigger, due_at, requested_by)
        values (
            v_job.job_name, v_slot, 'queued', v_allowed.trigger, pg_catalog.clock_timestamp(),
            coalesce(auth.jwt() ->> 'sub', core.caller_role())
        )
        on conflict on constraint runs_job_name_slot_at_key do nothing;
        select r.* into v_run
        from jobs.runs as r
        where r.job_name = v_job.job_name and r.slot_at = v_slot;
        -- Who names no moment wants a run that sees what is there now: one that has begun may have looked already.
        exit when trigger_job.slot is not null or v_run.status = 'queued';
        v_slot := v_slot + interval '1 microsecond';
    end loop;
    return jobs.run_response(v_run);
end;
$$;

comment on function jobs.trigger_job(text, text) is
e'Queues a run of a job for a moment, and answers with it.\n\n'
'slot: UTC, YYYY-MM-DDTHH:MM:SSZ; by default this second; when its run has begun, another is queued, a '
'microsecond later. The same moment again is answered with its first run. For '
'service_role, administrators, or whoever signs, as the job declares. Errors: cron_signature_invalid, job_not_found, '
'not_signed_in, slot_invalid.';

create or replace function jobs.run_response(run jobs.runs)
returns api.job_runs
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select
        run.status <> 'failed', run.run_id, run.job_name, run.slot_at, run.status, run.processed, run.result,
        run.reason, null, null, null, null;
$$;

comment on function jobs.run_response(jobs.runs) is 'A run, as whoever triggered it is told.';

create or replace function jobs.refuse_trigger(job text, reason text)
returns api.job_runs
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_error core.errors;
    v_answer api.job_runs;
begin
    -- Answered and not raised, since an error would roll the record back.
    insert into jobs.refused_triggers (refused_at, job_name, caller, reason)
    values (
        pg_catalog.clock_timestamp(), pg_catalog.left(coalesce(refuse_trigger.job, ''), 63),
        coalesce(auth.jwt() ->> 'sub', core.caller_role()), refuse_trigger.reason
    );
    select e.* into strict v_error
    from core.errors as e
    where e.name = 'cron_signature_invalid';
    perform pg_catalog.set_config('response.status', v_error.status::text, true);
    v_answer.success := false;
    v_answer.processed := 0;
    v_answer.code := v_error.name;
    v_answer.message := v_error.message_en;
    v_answer.details := pg_catalog.jsonb_build_object('message_ko', v_error.message_ko)::text;
    v_answer.hint := v_error.hint;
    return v_answer;
end;
$$;

comment on function jobs.refuse_trigger(text, text) is 'Records a refused trigger, and answers 401.';

create or replace function jobs.run_again(run_id bigint)
returns api.job_runs
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_run jobs.runs;
begin
    if exists (
        select
        from jobs.runs as r
        inner join jobs.jobs as j on j.job_name = r.job_name
        where r.run_id = run_again.run_id and j.removed_at is not null
    ) then
        perform core.raise('job_not_found', pg_catalog.jsonb_build_object('run_id', run_again.run_id));
    end if;
    update jobs.runs as r
    set
        status = 'waiting',
        finished_at = null,
        due_at = pg_catalog.clock_timestamp(),
        requested_by = core.caller_role(),
        reason = 'to be run again'
    where r.run_id = run_again.run_id and r.status in ('failed', 'skipped')
    returning r.* into v_run;
    if not found then
        perform core.raise('run_not_to_be_repeated', pg_catalog.jsonb_build_object('run_id', run_again.run_id));
    end if;
    return jobs.run_response(v_run);
end;
$$;

comment on function jobs.run_again(bigint) is
e'Queues a run that failed or was skipped for another attempt, for the owner.\n\n'
'What succeeded is never repeated. Errors: job_not_found when the job is no longer declared, run_not_to_be_repeated.';
