-- Six numbers of 1 to 45: as people write them, as a mask that is fast to score, and picked by chance.
create or replace function luckywalk.numbers_to_mask(numbers integer[])
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mask bigint;
begin
    select pg_catalog.bit_or(1::bigint << n) into v_mask
    from pg_catalog.unnest(numbers_to_mask.numbers) as n
    where n between 1 and 45;
    if pg_catalog.cardinality(numbers_to_mask.numbers) is distinct from 6
        or pg_catalog.array_ndims(numbers_to_mask.numbers) <> 1
        or pg_catalog.bit_count(coalesce(v_mask, 0)::bit(64)) <> 6
    then
        perform core.raise('lottery_numbers_invalid');
    end if;
    return v_mask;
end;
$$;

comment on function luckywalk.numbers_to_mask(integer[]) is
e'Returns the mask of six different numbers from 1 to 45: bit n is set for number n.\n\n'
'Errors: lottery_numbers_invalid.';

create or replace function luckywalk.mask_to_numbers(mask bigint)
returns integer[]
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_numbers integer[] := array[]::integer[];
begin
    -- A loop, since a query over 45 numbers takes ten times as long, and every claim calls this.
    for v_number in 1..45
    loop
        if mask_to_numbers.mask & (1::bigint << v_number) <> 0 then
            v_numbers := v_numbers || v_number;
        end if;
    end loop;
    return v_numbers;
end;
$$;

comment on function luckywalk.mask_to_numbers(bigint) is 'Returns the numbers of a mask in ascending order.';

create or replace function luckywalk.quick_pick()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mask bigint := 0;
    v_left integer := 6;
    v_bytes bytea;
    v_number integer;
begin
    while v_left > 0
    loop
        -- Cryptographic bytes. Ten of them are enough in most cases.
        v_bytes := extensions.gen_random_bytes(16);
        for v_at in 0..15
        loop
            -- Six bits are used only when they are a new number of 1 to 45, so that all sets are equally likely.
            v_number := pg_catalog.get_byte(v_bytes, v_at) & 63;
            if v_number between 1 and 45 and v_mask & (1::bigint << v_number) = 0 then
                v_mask := v_mask | (1::bigint << v_number);
                v_left := v_left - 1;
                exit when v_left = 0;
            end if;
        end loop;
    end loop;
    return v_mask;
end;
$$;

comment on function luckywalk.quick_pick() is
e'Picks six numbers by chance and returns their mask.\n\n'
'The random bytes are cryptographic, and each of the 8,145,060 sets is equally likely.';
