-- Row types of the jobs' RPCs.
create type api.job_runs as (
    success boolean,
    run_id bigint,
    job text,
    slot timestamptz,
    status text,
    processed bigint,
    result jsonb,
    reason text,
    code text,
    message text,
    details text,
    hint text
);

comment on type api.job_runs is
e'A run of a job, as whoever triggered it is told.\n\n'
'success: false when it failed or the trigger was refused; then code, message, details and hint are the error''s. '
'processed: rows so far, zero while it waits for its turn.';
