-- The history of `dotbase migrate`: what is applied, in which text, by whom. Owned by the owner, granted to nobody.
create schema dotbase;

comment on schema dotbase is 'The history of dotbase migrate. Nothing of the business; only the tool writes here.';

create table dotbase.releases (
    release_id bigint generated always as identity,
    direction text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null default session_user,
    project_commit text,
    tool_version text not null,
    target text not null,
    clock text not null,
    master_key_file text,
    bootstrap_sha text,
    constraint releases_pkey primary key (release_id),
    constraint releases_direction_known check (direction in ('migrate', 'rollback'))
);

comment on table dotbase.releases is 'Every migrate and rollback that changed something.';
comment on column dotbase.releases.project_commit is 'Commit of the project; -dirty with changes that were not committed.';
comment on column dotbase.releases.bootstrap_sha is 'SHA-256 of the rendered bootstrap that is in force.';

create table dotbase.versions (
    version text not null,
    app text not null,
    position integer not null,
    release_id bigint not null,
    source_sha text not null,
    up_sql text not null,
    down_sql text not null,
    transactional boolean not null,
    state text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null default session_user,
    project_commit text,
    constraint versions_pkey primary key (version),
    constraint versions_release_id_fkey foreign key (release_id)
    references dotbase.releases (release_id) on delete restrict,
    constraint versions_state_known check (state in ('applied', 'started'))
);

create index versions_release_id_idx on dotbase.versions (release_id);

comment on table dotbase.versions is 'Versioned files that are applied, with the text that was applied.';
comment on column dotbase.versions.position is 'Place in the order of application: rolled back from the highest.';
comment on column dotbase.versions.source_sha is 'SHA-256 of the template: an applied file must not change.';
comment on column dotbase.versions.state is
'started: a step outside of a transaction that has not ended; it is undone, then run again.';

create table dotbase.repeatables (
    key text not null,
    app text not null,
    position integer not null,
    sha text not null,
    sql text not null,
    objects jsonb not null,
    access text,
    release_id bigint not null,
    constraint repeatables_pkey primary key (key),
    constraint repeatables_release_id_fkey foreign key (release_id)
    references dotbase.releases (release_id) on delete restrict
);

create index repeatables_release_id_idx on dotbase.repeatables (release_id);

comment on table dotbase.repeatables is 'Repeatable steps as they are in force.';
comment on column dotbase.repeatables.objects is 'What the step made, read from the catalog: [{"type", "identity"}].';
comment on column dotbase.repeatables.access is 'Of a table''s step: fingerprint of the table''s grants and row security.';

create table dotbase.repeatable_history (
    key text not null,
    release_id bigint not null,
    app text not null,
    position integer not null,
    sql text,
    constraint repeatable_history_pkey primary key (key, release_id),
    constraint repeatable_history_release_id_fkey foreign key (release_id)
    references dotbase.releases (release_id) on delete restrict
);

create index repeatable_history_release_id_idx on dotbase.repeatable_history (release_id);

comment on table dotbase.repeatable_history is 'Every text that a repeatable step had, for rollback.';
comment on column dotbase.repeatable_history.sql is 'The text from this release on; null when the step was removed.';
