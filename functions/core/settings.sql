-- Settings: typed values with a history, declared in settings.yaml, changed by owner or administrator.
-- needs: types
create or replace function core.setting_fits(
    value_type text, value jsonb, minimum jsonb, maximum jsonb
)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if setting_fits.value is null then
        return false;
    end if;
    -- A value that cannot be cast does not fit: the exception below says so.
    return case setting_fits.value_type
        when 'boolean' then pg_catalog.jsonb_typeof(setting_fits.value) = 'boolean'
        when 'text' then pg_catalog.jsonb_typeof(setting_fits.value) = 'string'
            and pg_catalog.length(setting_fits.value #>> '{}') <= 10000
        when 'integer' then pg_catalog.jsonb_typeof(setting_fits.value) = 'number'
            and (setting_fits.value #>> '{}')::bigint between
            coalesce((setting_fits.minimum #>> '{}')::bigint, -9223372036854775808)
            and coalesce((setting_fits.maximum #>> '{}')::bigint, 9223372036854775807)
        -- Digits only: `now` can be cast as well, and is another time whenever it is read.
        when 'time' then pg_catalog.jsonb_typeof(setting_fits.value) = 'string'
            and setting_fits.value #>> '{}' ~ '^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$'
            and (setting_fits.value #>> '{}')::time between
            coalesce((setting_fits.minimum #>> '{}')::time, '00:00')
            and coalesce((setting_fits.maximum #>> '{}')::time, '24:00')
        -- No sign: to how many fields it applies depends on the session's intervalstyle.
        when 'interval' then pg_catalog.jsonb_typeof(setting_fits.value) = 'string'
            and setting_fits.value #>> '{}' !~ '-'
            and (setting_fits.value #>> '{}')::interval between
            coalesce((setting_fits.minimum #>> '{}')::interval, '0')
            and coalesce((setting_fits.maximum #>> '{}')::interval, '100 years')
    end;
exception
    when data_exception then
        return false;
end;
$$;

comment on function core.setting_fits(text, jsonb, jsonb, jsonb) is
'Whether a value has the setting''s type and lies within its bounds.';

create or replace function core.declared_settings(app text, settings jsonb)
returns table (
    name text, value_type text, default_value jsonb, minimum jsonb, maximum jsonb, description text
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select
        declared_settings.app || '.' || d.name,
        d.value_type,
        d.default_value,
        d.minimum,
        d.maximum,
        d.description
    from pg_catalog.jsonb_to_recordset(declared_settings.settings) as d (
        name text, value_type text, default_value jsonb, minimum jsonb, maximum jsonb, description text
    );
$$;

comment on function core.declared_settings(text, jsonb) is 'The settings of a settings.yaml, as rows.';

create or replace function core.declare_settings(app text, settings jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_misfit text;
begin
    select d.name into v_misfit
    from core.declared_settings(declare_settings.app, declare_settings.settings) as d
    where not core.setting_fits(d.value_type, d.default_value, d.minimum, d.maximum)
    limit 1;
    if found then
        raise exception 'the default of setting % does not fit its own type and bounds', v_misfit
            using errcode = 'invalid_parameter_value';
    end if;

    delete from core.settings as s
    where s.app = declare_settings.app
        and s.name not in (
            select d.name
            from core.declared_settings(declare_settings.app, declare_settings.settings) as d
        );

    -- A value that differs from its default was chosen by somebody, and stays while it fits.
    insert into core.settings as s (
        name, app, value_type, value, default_value, minimum, maximum, description
    )
    select
        d.name, declare_settings.app, d.value_type, d.default_value, d.default_value,
        d.minimum, d.maximum, d.description
    from core.declared_settings(declare_settings.app, declare_settings.settings) as d
    on conflict on constraint settings_pkey do update set
        value_type = excluded.value_type,
        value = case
            when s.value = s.default_value then excluded.default_value
            when core.setting_fits(excluded.value_type, s.value, excluded.minimum, excluded.maximum)
                then s.value
            else excluded.default_value
        end,
        default_value = excluded.default_value,
        minimum = excluded.minimum,
        maximum = excluded.maximum,
        description = excluded.description;
end;
$$;

comment on function core.declare_settings(text, jsonb) is
e'Makes an app''s settings those of its settings.yaml.\n\n'
'A value that somebody has changed stays while it fits; one that nobody has changed follows its default.\n\n'
'Errors: 22023 when a default does not fit its own type and bounds.';

create or replace function core.setting(name text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value jsonb;
begin
    select s.value into v_value
    from core.settings as s
    where s.name = setting.name;
    if not found then
        perform core.raise('setting_not_found', pg_catalog.jsonb_build_object('name', setting.name));
    end if;
    return v_value;
end;
$$;

comment on function core.setting(text) is
e'The value in force of a setting, as JSON.\n\n'
'name: `app.name`.\n\n'
'Errors: setting_not_found.';

create or replace function core.setting_integer(name text)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select (core.setting(name) #>> '{}')::bigint;
$$;

comment on function core.setting_integer(text) is
e'The value in force of a setting of type integer.\n\n'
'Errors: setting_not_found.';

create or replace function core.setting_time(name text)
returns time
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select (core.setting(name) #>> '{}')::time;
$$;

comment on function core.setting_time(text) is
e'The value in force of a setting of type time, a local time of day.\n\n'
'Errors: setting_not_found.';

create or replace function core.set_setting(name text, value jsonb)
returns setof api.settings
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_actor text := core.require_administrator();
    v_setting core.settings;
begin
    select * into v_setting
    from core.settings as s
    where s.name = set_setting.name
    for update;
    if not found then
        perform core.raise('setting_not_found');
    end if;
    if not core.setting_fits(
        v_setting.value_type, set_setting.value, v_setting.minimum, v_setting.maximum
    ) then
        perform core.raise('setting_invalid', pg_catalog.jsonb_build_object(
            'type', v_setting.value_type, 'minimum', v_setting.minimum, 'maximum', v_setting.maximum
        ));
    end if;

    if v_setting.value <> set_setting.value then
        update core.settings as s
        set value = set_setting.value
        where s.name = set_setting.name;
        insert into core.setting_changes (name, old_value, new_value, changed_by, changed_at)
        values (set_setting.name, v_setting.value, set_setting.value, v_actor, core.now());
    end if;

    return query select * from core.list_settings() as l where l.name = set_setting.name;
end;
$$;

comment on function core.set_setting(text, jsonb) is
e'Changes a setting, records the change and returns the setting as it is now.\n\n'
'For administrators and the owner.\n\n'
'Errors: not_administrator, not_signed_in, setting_not_found, setting_invalid.';

create or replace function core.list_settings()
returns setof api.settings
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.require_administrator();
    return query
    select s.name, s.value_type, s.value, s.default_value, s.minimum, s.maximum, s.description
    from core.settings as s
    order by s.name;
end;
$$;

comment on function core.list_settings() is
e'All settings with their types, bounds and values.\n\n'
'For administrators and the owner.\n\n'
'Errors: not_administrator, not_signed_in.';
