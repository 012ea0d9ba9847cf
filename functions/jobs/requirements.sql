-- Requirements: settings and secrets without which a job is skipped, not failed.
create or replace function jobs.missing_requirements(job jobs.jobs)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select pg_catalog.array_agg(m.what order by m.what)
    from (
        select 'setting ' || r.name as what
        from pg_catalog.unnest(job.required_settings) as r (name)
        where not exists (
            select
            from core.settings as s
            where s.name = r.name and s.value not in ('null', '""')
        )
        union all
        select 'secret ' || r.name
        from pg_catalog.unnest(job.required_secrets) as r (name)
        where not core.has_secret(r.name)
    ) as m;
$$;

comment on function jobs.missing_requirements(jobs.jobs) is
e'The settings and secrets that a job requires and that are not set.\n\n'
'As `setting app.name` and `secret name`; null when it has everything.';
