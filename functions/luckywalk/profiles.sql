-- Profiles of walkers. A walker sees and changes no profile but their own.
-- needs: types
create or replace function luckywalk.my_walker_profile()
returns setof api.user_profiles
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
begin
    return query
    select p.user_id, p.nickname, p.created_at
    from luckywalk.user_profiles as p
    where p.user_id = v_user_id;
    if not found then
        perform core.raise('walker_profile_not_found');
    end if;
end;
$$;

comment on function luckywalk.my_walker_profile() is
e'Returns the caller''s profile.\n\n'
'Errors: not_signed_in, walker_profile_not_found.';

create or replace function luckywalk.save_walker_profile(nickname text)
returns setof api.user_profiles
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := core.require_user();
begin
    if save_walker_profile.nickname is null then
        perform core.raise('walker_nickname_invalid');
    end if;
    insert into luckywalk.user_profiles as p (user_id, nickname, created_at, updated_at)
    values (v_user_id, save_walker_profile.nickname, core.now(), core.now())
    on conflict on constraint user_profiles_pkey do update set
        nickname = excluded.nickname,
        updated_at = excluded.updated_at;
    return query select * from luckywalk.my_walker_profile();
end;
$$;

comment on function luckywalk.save_walker_profile(text) is
e'Makes or changes the caller''s profile.\n\n'
'nickname: 1 to 30 printable characters without spaces around them.\n\n'
'Errors: not_signed_in, walker_nickname_invalid.';
