-- The seal: a Merkle tree over the tickets of a round, and the proof that one is in it.
-- needs: types
create or replace function luckywalk.ticket_leaf(
    ticket_id uuid, user_id uuid, round_no integer, mask bigint
)
returns bytea
language sql
immutable
parallel safe
return sha256('\x00' || uuid_send(ticket_id) || uuid_send(user_id) || int4send(round_no) || int8send(mask));

comment on function luckywalk.ticket_leaf(uuid, uuid, integer, bigint) is
'Leaf of the seal: sha256(0x00, ticket id, user id, round, mask), big-endian. The random ticket id hides the rest.';

create or replace function luckywalk.seal_round(
    round_no integer, out ticket_count bigint, out seal_root bytea
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Compiling the short query of a chunk takes longer than running it.
set jit = off
-- A chunk is read from the index, in order, also while the round's partition has no statistics yet: to
-- sort what comes after each chunk's beginning costs the square of the round.
set enable_sort = off
as $$
declare
    v_level smallint := 0;
    v_nodes bigint;
begin
    insert into luckywalk.seal_chunks (round_no, place, first_ticket_id)
    select seal_round.round_no, t.place / 64, t.ticket_id
    from (
        select s.ticket_id, (pg_catalog.row_number() over (order by s.ticket_id) - 1)::integer as place
        from luckywalk.tickets as s
        where s.round_no = seal_round.round_no
    ) as t
    where t.place % 64 = 0;

    insert into luckywalk.seal_nodes (round_no, level, place, hash)
    select c.round_no, 0, c.place, pg_catalog.sha256('\x01' || l.leaves)
    from luckywalk.seal_chunks as c
    cross join lateral (
        select pg_catalog.string_agg(o.leaf, '') as leaves
        from (
            select luckywalk.ticket_leaf(t.ticket_id, t.user_id, t.round_no, t.mask) as leaf
            from luckywalk.tickets as t
            where t.round_no = seal_round.round_no and t.ticket_id >= c.first_ticket_id
            order by t.ticket_id
            limit 64
        ) as o
    ) as l
    where c.round_no = seal_round.round_no;
    get diagnostics v_nodes = row_count;

    while v_nodes > 1
    loop
        -- An odd node at the end goes up as it is.
        insert into luckywalk.seal_nodes (round_no, level, place, hash)
        select
            seal_round.round_no,
            v_level + 1,
            n.place / 2,
            case pg_catalog.count(*)
                when 2 then pg_catalog.sha256('\x02' || pg_catalog.string_agg(n.hash, '' order by n.place))
                else pg_catalog.string_agg(n.hash, '')
            end
        from luckywalk.seal_nodes as n
        where n.round_no = seal_round.round_no and n.level = v_level
        group by n.place / 2;
        get diagnostics v_nodes = row_count;
        v_level := v_level + 1;
    end loop;

    -- Every chunk is full but the last.
    select coalesce(pg_catalog.max(c.place) * 64 + (
        select pg_catalog.count(*)
        from luckywalk.tickets as t
        where t.round_no = seal_round.round_no and t.ticket_id >= pg_catalog.max(c.first_ticket_id::text)::uuid
    ), 0)
    into ticket_count
    from luckywalk.seal_chunks as c
    where c.round_no = seal_round.round_no;
    -- A round without tickets is sealed with the hash of nothing.
    seal_root := coalesce(
        (
            select n.hash
            from luckywalk.seal_nodes as n
            where n.round_no = seal_round.round_no and n.level = v_level
        ),
        pg_catalog.sha256('')
    );
end;
$$;

comment on function luckywalk.seal_round(integer) is
'Builds the seal of a round from its tickets in order of their ids: chunks of 64 leaves,
sha256(0x01, leaves), then a binary tree, sha256(0x02, left, right).';

create or replace function luckywalk.my_ticket_proof(ticket_id uuid)
returns setof api.ticket_proofs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_sort = off
as $$
declare
    v_user_id uuid := core.require_user();
    v_ticket luckywalk.tickets;
    v_round luckywalk.rounds;
    v_chunk integer;
    v_first uuid;
    v_leaves text[];
    v_place integer;
begin
    select * into v_ticket
    from luckywalk.tickets as t
    where t.ticket_id = my_ticket_proof.ticket_id and t.user_id = v_user_id;
    if not found then
        perform core.raise('ticket_not_found');
    end if;
    select * into v_round
    from luckywalk.rounds as r
    where r.round_no = v_ticket.round_no;
    if v_round.seal_root is null then
        perform core.raise('round_not_closed', pg_catalog.jsonb_build_object('closes_at', v_round.closes_at));
    end if;

    select c.place, c.first_ticket_id into v_chunk, v_first
    from luckywalk.seal_chunks as c
    where c.round_no = v_ticket.round_no and c.first_ticket_id <= v_ticket.ticket_id
    order by c.first_ticket_id desc
    limit 1;

    select
        coalesce(
            pg_catalog.array_agg(
                pg_catalog.encode(luckywalk.ticket_leaf(t.ticket_id, t.user_id, t.round_no, t.mask), 'hex')
                order by t.ticket_id
            ) filter (where t.ticket_id <> v_ticket.ticket_id),
            array[]::text[]
        ),
        pg_catalog.count(*) filter (where t.ticket_id < v_ticket.ticket_id)
    into v_leaves, v_place
    from (
        select s.*
        from luckywalk.tickets as s
        where s.round_no = v_ticket.round_no and s.ticket_id >= v_first
        order by s.ticket_id
        limit 64
    ) as t;

    return query
    select
        v_ticket.ticket_id, v_ticket.user_id, v_ticket.round_no, v_ticket.mask,
        v_round.ticket_count, v_place, v_leaves,
        coalesce(
            (
                select pg_catalog.jsonb_agg(
                    pg_catalog.jsonb_build_object(
                        'side', case when n.place & 1 = 0 then 'left' else 'right' end,
                        'hash', pg_catalog.encode(n.hash, 'hex')
                    )
                    order by n.level
                )
                from luckywalk.seal_nodes as n
                where n.round_no = v_ticket.round_no
                    and n.place = (v_chunk >> n.level) # 1
            ),
            '[]'
        ),
        pg_catalog.encode(v_round.seal_root, 'hex');
end;
$$;

comment on function luckywalk.my_ticket_proof(uuid) is
'What proves that the caller''s ticket is in its round''s published seal: under 3 KB of hashes that tell
nothing of other people''s tickets. Errors: not_signed_in, ticket_not_found, round_not_closed.';
