-- The seal: a Merkle tree over the tickets of a round, and the proof that a ticket is in it.
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
e'Returns the leaf of a ticket in the seal of its round.\n\n'
'It is sha256(0x00, ticket id, user id, round, mask), the integers big-endian. Since the ticket id is random, '
'nobody can find out a ticket by hashing guesses.';

create or replace function luckywalk.seal_round(
    round_no integer, out total_tickets bigint, out seal_root bytea
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Compiling the short query of a chunk (JIT) takes longer than running it.
set jit = off
-- Without statistics the planner would sort all tickets after the beginning of each chunk, which takes time in
-- the square of the round. Without sorting it reads a chunk from the index, in order.
set enable_sort = off
as $$
declare
    v_level smallint := 0;
    v_nodes bigint;
begin
    insert into luckywalk.seal_chunks (round_no, chunk_index, first_ticket_id)
    select seal_round.round_no, t.ticket_index / 64, t.ticket_id
    from (
        select s.ticket_id, (pg_catalog.row_number() over (order by s.ticket_id) - 1)::integer as ticket_index
        from luckywalk.tickets as s
        where s.round_no = seal_round.round_no
    ) as t
    where t.ticket_index % 64 = 0;

    insert into luckywalk.seal_nodes (round_no, level, node_index, hash)
    select c.round_no, 0, c.chunk_index, pg_catalog.sha256('\x01' || l.leaves)
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
        -- A node without a right neighbour goes up as it is.
        insert into luckywalk.seal_nodes (round_no, level, node_index, hash)
        select
            seal_round.round_no,
            v_level + 1,
            n.node_index / 2,
            case pg_catalog.count(*)
                when 2 then pg_catalog.sha256('\x02' || pg_catalog.string_agg(n.hash, '' order by n.node_index))
                else pg_catalog.string_agg(n.hash, '')
            end
        from luckywalk.seal_nodes as n
        where n.round_no = seal_round.round_no and n.level = v_level
        group by n.node_index / 2;
        get diagnostics v_nodes = row_count;
        v_level := v_level + 1;
    end loop;

    -- Every chunk but the last has 64 tickets. The cast: before PostgreSQL 18 there is no max(uuid).
    select coalesce(pg_catalog.max(c.chunk_index) * 64 + (
        select pg_catalog.count(*)
        from luckywalk.tickets as t
        where t.round_no = seal_round.round_no and t.ticket_id >= pg_catalog.max(c.first_ticket_id::text)::uuid
    ), 0)
    into total_tickets
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
e'Builds the seal of a round, a Merkle tree over its tickets, and returns their number and the root.\n\n'
'The tickets are taken in the order of their ids, in chunks of 64. The hash of a chunk is sha256(0x01, leaves). '
'A binary tree stands on the chunks: the hash of a node is sha256(0x02, left, right), and an odd node at the end '
'of a level goes up as it is. The root of a round without tickets is sha256 of nothing.';

create or replace function luckywalk.my_ticket_proof(ticket_id uuid)
returns setof api.ticket_proofs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
-- As in seal_round.
set enable_sort = off
as $$
declare
    v_user_id uuid := core.require_user();
    v_ticket luckywalk.tickets;
    v_round luckywalk.rounds;
    v_chunk_index integer;
    v_first_ticket_id uuid;
    v_chunk_leaves text[];
    v_leaf_index integer;
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

    select c.chunk_index, c.first_ticket_id into v_chunk_index, v_first_ticket_id
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
    into v_chunk_leaves, v_leaf_index
    from (
        select s.*
        from luckywalk.tickets as s
        where s.round_no = v_ticket.round_no and s.ticket_id >= v_first_ticket_id
        order by s.ticket_id
        limit 64
    ) as t;

    return query
    select
        v_ticket.ticket_id, v_ticket.user_id, v_ticket.round_no, v_ticket.mask,
        v_round.total_tickets, v_leaf_index, v_chunk_leaves,
        coalesce(
            (
                select pg_catalog.jsonb_agg(
                    pg_catalog.jsonb_build_object(
                        'side', case when n.node_index & 1 = 0 then 'left' else 'right' end,
                        'hash', pg_catalog.encode(n.hash, 'hex')
                    )
                    order by n.level
                )
                from luckywalk.seal_nodes as n
                where n.round_no = v_ticket.round_no
                    -- The sibling: the chunk's ancestor on this level, with its last bit turned.
                    and n.node_index = (v_chunk_index >> n.level) # 1
            ),
            '[]'
        ),
        pg_catalog.encode(v_round.seal_root, 'hex');
end;
$$;

comment on function luckywalk.my_ticket_proof(uuid) is
e'Returns the proof that the caller''s ticket is in the published seal of its round.\n\n'
'The proof is less than 3 KB of hashes, which tell nothing of other people''s tickets.\n\n'
'Errors: not_signed_in, ticket_not_found, round_not_closed.';
