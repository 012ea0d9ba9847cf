-- Row types of the core's RPCs.
create type api.settings as (
    name text,
    value_type text,
    value jsonb,
    default_value jsonb,
    minimum jsonb,
    maximum jsonb,
    description text
);

comment on type api.settings is 'A setting: its type, value in force, default and bounds.';
