-- Registry: the jobs that cron/<app>.yaml declares, and which of them a person has switched off.
-- Locks: the jobs' rows, in the order of their names; a migration that loses against another session is run again.
-- needs: missed pg_cron renames
create or replace function jobs.declare(app text, jobs jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text;
begin
    perform jobs.rename_job(w.old_name, d.name)
    from pg_catalog.jsonb_to_recordset("declare".jobs) as d (name text, was text[])
    cross join lateral pg_catalog.unnest(d.was) as w (old_name);

    -- Slots that have passed belong to the schedule as it was.
    for v_name in
        select j.job_name
        from jobs.jobs as j
        where j.app = "declare".app
            and j.removed_at is null
            and not exists (
                select
                from pg_catalog.jsonb_to_recordset("declare".jobs) as d (
                    name text, schedule text, zone text, enabled boolean
                )
                where (d.name, d.schedule, d.zone, d.enabled)
                    = (j.job_name, j.schedule, j.zone, j.declared_enabled)
            )
        order by j.job_name
    loop
        perform jobs.reconcile(v_name, core.now(), not jobs.is_live());
    end loop;

    update jobs.jobs as j
    set removed_at = pg_catalog.clock_timestamp()
    where j.app = "declare".app
        and j.removed_at is null
        and not exists (
            select
            from pg_catalog.jsonb_to_recordset("declare".jobs) as d (name text)
            where d.name = j.job_name
        );
    perform jobs.fail_undeclared();

    insert into jobs.jobs as j (
        job_name, app, description, schedule, zone, minutes, hours, days_of_month, months, days_of_week,
        either_day, elapsed, gmt_schedule, routine, time_limit, attempts, retry_on, backoff_cap, catch_up,
        catch_up_age, catch_up_count, required_settings, required_secrets, triggered_by, batch_limit,
        backlog_query, backlog_normal, backlog_alarm, declared_enabled, switched_off, reconciled_until
    )
    select
        d.name, "declare".app, d.description, d.schedule, d.zone, d.minutes, d.hours, d.days_of_month,
        d.months, d.days_of_week, d.either_day, d.elapsed, d.gmt_schedule, d.routine, d.time_limit, d.attempts,
        d.retry_on, d.backoff_cap, d.catch_up, d.catch_up_age, d.catch_up_count, d.required_settings,
        d.required_secrets, d.triggered_by, d.batch_limit, d.backlog_query, d.backlog_normal, d.backlog_alarm,
        d.enabled, false, core.now()
    from pg_catalog.jsonb_to_recordset("declare".jobs) as d (
        name text, description text, schedule text, zone text, minutes smallint[], hours smallint[],
        days_of_month text[], months smallint[], days_of_week text[], either_day boolean, elapsed boolean,
        gmt_schedule text, routine text, time_limit interval, attempts smallint, retry_on text[],
        backoff_cap interval, catch_up text, catch_up_age interval, catch_up_count integer,
        required_settings text[], required_secrets text[], triggered_by text[], batch_limit integer,
        backlog_query text, backlog_normal bigint, backlog_alarm bigint, enabled boolean
    )
    on conflict on constraint jobs_pkey do update set
        app = excluded.app,
        description = excluded.description,
        schedule = excluded.schedule,
        zone = excluded.zone,
        minutes = excluded.minutes,
        hours = excluded.hours,
        days_of_month = excluded.days_of_month,
        months = excluded.months,
        days_of_week = excluded.days_of_week,
        either_day = excluded.either_day,
        elapsed = excluded.elapsed,
        gmt_schedule = excluded.gmt_schedule,
        routine = excluded.routine,
        time_limit = excluded.time_limit,
        attempts = excluded.attempts,
        retry_on = excluded.retry_on,
        backoff_cap = excluded.backoff_cap,
        catch_up = excluded.catch_up,
        catch_up_age = excluded.catch_up_age,
        catch_up_count = excluded.catch_up_count,
        required_settings = excluded.required_settings,
        required_secrets = excluded.required_secrets,
        triggered_by = excluded.triggered_by,
        batch_limit = excluded.batch_limit,
        backlog_query = excluded.backlog_query,
        backlog_normal = excluded.backlog_normal,
        backlog_alarm = excluded.backlog_alarm,
        declared_enabled = excluded.declared_enabled,
        reconciled_until = case
            when j.removed_at is null
                and (j.schedule, j.zone, j.declared_enabled)
                = (excluded.schedule, excluded.zone, excluded.declared_enabled)
                then j.reconciled_until
            else excluded.reconciled_until
        end,
        removed_at = null;

    update jobs.jobs as j
    set next_slot_at = jobs.next_slot(j.job_name, j.reconciled_until)
    where j.app = "declare".app and j.removed_at is null;

    perform jobs.sync_pg_cron();
end;
$$;

comment on function jobs.declare(text, jsonb) is
e'Makes an app''s jobs those of its cron/<app>.yaml; pg_cron''s lines follow.\n\n'
'A job that is no longer declared keeps its row and its history. Errors: 55P03 when a job that is renamed into '
'another one is running.';

create or replace function jobs.switch_all(live boolean)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform jobs.reconcile(j.job_name, core.now(), not jobs.is_live())
    from jobs.jobs as j
    where j.removed_at is null and jobs.is_live() <> switch_all.live
    order by j.job_name;
    perform jobs.expire_runs(j)
    from jobs.jobs as j
    where j.removed_at is null and switch_all.live and not jobs.is_live();
    update jobs.switch as s
    set live = switch_all.live;
end;
$$;

comment on function jobs.switch_all(boolean) is 'Sets the main switch, and accounts for the slots until now.';

create or replace function jobs.set_live(live boolean)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
-- As its caller, who may become pg_cron's role and write its lines.
begin
    perform jobs.switch_all(set_live.live);
    return jobs.sync_pg_cron();
end;
$$;

comment on function jobs.set_live(boolean) is
e'The main switch, for the owner: false takes every job off pg_cron, true puts them back.\n\n'
'Returns false where there is no pg_cron.';

create or replace function jobs.switch_job(job_name text, enabled boolean)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select
        from jobs.jobs as j
        where j.job_name = switch_job.job_name and j.removed_at is null
    ) then
        perform core.raise('job_not_found', pg_catalog.jsonb_build_object('job', switch_job.job_name));
    end if;
    -- Slots until now belong to the time before: missed while it was off, or due while it was on.
    perform jobs.reconcile(switch_job.job_name, core.now(), not jobs.is_live());
    if switch_job.enabled then
        perform jobs.expire_runs(j)
        from jobs.jobs as j
        where j.job_name = switch_job.job_name;
    end if;
    update jobs.jobs as j
    set switched_off = not switch_job.enabled
    where j.job_name = switch_job.job_name;
end;
$$;

comment on function jobs.switch_job(text, boolean) is
e'Sets a job''s own switch, and accounts for its slots until now.\n\n'
'Errors: job_not_found.';

create or replace function jobs.set_enabled(job_name text, enabled boolean)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
-- As its caller, who may become pg_cron's role and write its lines.
begin
    perform jobs.switch_job(set_enabled.job_name, set_enabled.enabled);
    return jobs.sync_pg_cron();
end;
$$;

comment on function jobs.set_enabled(text, boolean) is
e'Switches one job off or back on, for the owner.\n\n'
'It stays so through migrations. Returns false where there is no pg_cron. Errors: job_not_found.';
