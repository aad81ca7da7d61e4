-- The work of durable consumers: who holds which event, in what order, and what becomes of it.
--
-- Purpose   hand out each event of a consumer until it is settled, the events of one key in their order, however many members and
--           processes there are, and without one that leads.
-- Owner     services/conductor/delivery, which reads the log, asks for work here, and passes on what members say.
--
-- Rows of delivery: those with a generation are held by that membership; those without wait, or rest until due_at. What has no row
-- up to read_through is settled, or was not wanted.
--
--  C1  Whoever hands out, fails or frees work of a consumer holds the lock of its row in `consumer` first. Acknowledgements need no lock:
--      they only take rows away that they hold.
--  C2  read_through moves by compare-and-set, with the rows of what was wanted, in one call: nothing is handed out twice by two readers, and
--      nothing is passed over.
--  C3  A membership exists as long as its row does. Work is given to it under a share lock of that row, so it cannot end in between, and leave
--      work that nobody holds.
--  C4  A row is given to a member only if no other member holds a row of its key, and no earlier row of its key waits or rests.
--  C5  What fails, or is given back, takes along what the member holds of the same key after it: that comes again, in order.
--  C6  A settlement counts only for rows that the very membership holds. A lease that has run out, and was not noticed yet, still counts.
--  C7  Time is the database's.
--  C8  Handing out and acknowledging do not wait for the disk: after a crash of the server the last of them are undone, in their order,
--      and their events come again. Whatever else commits waits for the disk, and so does what came before it.
--  C9  What a member says of an event that is forgotten is not kept: it may quote it.
--  C10 Every look-up is an index probe, whatever the statistics said (as B7 of record_batch): the tables are empty most of the time.
--
-- Failure   any error undoes the whole call.

-- Hands out what was read: positions ascending of one module, above p_after up to p_through, with their keys (null: none). What may not be
-- given to the member yet waits; what stands here already (a dead letter that was replayed) stays as it is. p_version is that of the consumer by
-- whose filter it was read.
-- Answers   'changed': it has another one by now; 'taken' with the positions that the member got; 'moved' with where the place is instead; 'lost': the membership has ended;
--           'paused'; 'full': so much waits (keys that rest, say) that nothing more is read. Besides, how many rows the consumer has, and how
--           many of them are held.
create function mem0_cc.consumer_take(
  p_consumer text, p_generation bigint, p_version bigint, p_module text, p_after bigint, p_through bigint, p_positions bigint[],
  p_keys bigint[])
returns table (outcome text, given bigint[], read_through bigint, held int, unsettled int)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_consumer mem0_cc.consumer;
  v_member text;
  v_read bigint;
  v_room int;
  v_busy bigint[];
  v_given bigint[] := '{}';
  v_stored int;
begin
  -- C8
  perform set_config('synchronous_commit', 'off', true);
  select * into v_consumer from mem0_cc.consumer c where c.name = p_consumer for no key update;
  select m.name into v_member from mem0_cc.consumer_member m
    where m.consumer = p_consumer and m.generation = p_generation for key share;
  if v_consumer.name is null or v_member is null or v_consumer.version <> p_version then
    return query select case when v_member is null then 'lost' else 'changed' end, v_given, 0::bigint, 0, 0;
    return;
  end if;
  select count(*) filter (where d.generation is not null), count(*) into held, unsettled
    from mem0_cc.delivery d where d.consumer = p_consumer;

  select p.read_through into v_read from mem0_cc.consumer_place p where p.consumer = p_consumer and p.module = p_module;
  if v_read is null then
    -- Registered after the consumer of all modules was created.
    insert into mem0_cc.consumer_place values (p_consumer, p_module, 0);
    v_read := 0;
  end if;
  if v_read <> p_after or v_consumer.paused or unsettled >= 2 * v_consumer.max_in_flight + 1000 then
    return query select case when v_read <> p_after then 'moved' when v_consumer.paused then 'paused' else 'full' end,
                        v_given, v_read, held, unsettled;
    return;
  end if;

  v_room := v_consumer.max_in_flight - held;
  -- C4, once a key: others hold it, or it waits or rests.
  select array_agg(k.key) into v_busy
    from (select distinct key from unnest(p_keys) as u (key) where key is not null) k
    where exists (
      select from mem0_cc.delivery d
      where d.consumer = p_consumer and d.module = p_module and d.key = k.key and d.generation is distinct from p_generation);
  with wanted as (
    select w.position, w.key,
           w.n <= v_room and (w.key is null or v_busy is null or not w.key = any(v_busy)) as free
    from unnest(p_positions, p_keys) with ordinality w (position, key, n)
  ), stored as (
    insert into mem0_cc.delivery (consumer, module, position, key, generation, member, given_at)
    select p_consumer, p_module, w.position, w.key,
           case when w.free then p_generation end, case when w.free then v_member end,
           case when w.free then clock_timestamp() end
    from wanted w
    on conflict (consumer, module, position) do nothing
    returning position, generation
  )
  select coalesce(array_agg(s.position order by s.position) filter (where s.generation is not null), '{}'), count(*)
    into v_given, v_stored
    from stored s;
  update mem0_cc.consumer_place p set read_through = p_through where p.consumer = p_consumer and p.module = p_module;
  return query select 'taken', v_given, p_through, held + coalesce(array_length(v_given, 1), 0), unsettled + v_stored;
end
$$;

-- Hands out what waits: rows that are free and due, by module and position, at most p_want, and about 1 MiB of memories.
-- Answers   a row for each, with the try that this is.
create function mem0_cc.consumer_claim(p_consumer text, p_generation bigint, p_want int)
returns table (module text, "position" bigint, attempt int)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_consumer mem0_cc.consumer;
  v_member text;
  v_now timestamptz;
  v_room int;
  v_module text;
  v_positions bigint[];
begin
  -- C8
  perform set_config('synchronous_commit', 'off', true);
  select * into v_consumer from mem0_cc.consumer c where c.name = p_consumer for no key update;
  select m.name into v_member from mem0_cc.consumer_member m
    where m.consumer = p_consumer and m.generation = p_generation for key share;
  if v_member is null or v_consumer.name is null or v_consumer.paused then
    return;
  end if;
  v_now := clock_timestamp();
  if not exists (
    select from mem0_cc.delivery d
    where d.consumer = p_consumer and d.generation is null and (d.due_at is null or d.due_at <= v_now)) then
    return;
  end if;
  select least(p_want, v_consumer.max_in_flight - count(*)) into v_room
    from mem0_cc.delivery d where d.consumer = p_consumer and d.generation is not null;
  -- One pass over the consumer's rows, and no join: whatever the statistics said, it takes as long as there are rows.
  for v_module, v_positions in
    with judged as (
      -- C4: nobody else may hold the key, and nothing of it goes before what rests.
      select d.module, d.position, d.key, d.generation, d.due_at,
             bool_or(d.generation is not null and d.generation <> p_generation) over key as held,
             min(d.position) filter (where d.generation is null and d.due_at > v_now) over key as resting
      from mem0_cc.delivery d
      where d.consumer = p_consumer
      window key as (partition by d.module, d.key)
    ), due as (
      select j.module, j.position
      from judged j
      where j.generation is null and (j.due_at is null or j.due_at <= v_now)
        and (j.key is null or (not j.held and (j.resting is null or j.position < j.resting)))
      order by j.module, j.position
      limit greatest(v_room, 0)
    ), cut as (
      select d.module, d.position,
             row_number() over (order by d.module, d.position) as nth,
             sum(m.size) over (order by d.module, d.position) as bytes
      from due d
      cross join lateral (
        select memory.size from mem0_cc.memory
        where memory.module = d.module and memory.position = d.position limit 1) m
    )
    select c.module, array_agg(c.position) from cut c where c.nth = 1 or c.bytes <= 1048576 group by c.module
  loop
    return query
    update mem0_cc.delivery d
      set generation = p_generation, member = v_member, given_at = v_now, due_at = null
      where d.consumer = p_consumer and d.module = v_module and d.position = any(v_positions)
      returning d.module, d.position, d.failures + d.losses + 1;
  end loop;
end
$$;

-- The positions among these whose memories are forgotten.
create function mem0_cc.forgotten_of(p_module text, p_positions bigint[])
returns bigint[]
language sql
stable
set search_path = mem0_cc, pg_temp
set enable_seqscan = off
set jit = off
as $$
  select coalesce(array_agg(m.position), '{}')
  from unnest(p_positions) as p (position)
  cross join lateral (
    select memory.position from mem0_cc.memory
    where memory.module = p_module and memory.position = p.position and memory.forgotten_at is not null limit 1) m
$$;

-- C5: takes back what is held of these keys behind these positions; one member holds a key, so it is that one's. Null: of none. Key by key,
-- since a join may be planned the wrong way round. The caller holds C1.
create function mem0_cc.consumer_take_back(p_consumer text, p_module text, p_keys bigint[], p_firsts bigint[])
returns void
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
  for n in 1 .. coalesce(array_length(p_keys, 1), 0) loop
    update mem0_cc.delivery d set generation = null
      where d.consumer = p_consumer and d.module = p_module and d.key = p_keys[n] and d.position > p_firsts[n]
        and d.generation is not null;
  end loop;
end
$$;

-- Makes rows of one module dead letters, for the reason as consumers.proto numbers it. One that was dead before is dead anew. The caller holds C1.
create function mem0_cc.consumer_bury(p_consumer text, p_module text, p_positions bigint[], p_reason int, p_error text)
returns void
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_forgotten bigint[] := mem0_cc.forgotten_of(p_module, p_positions);
begin
  with dead as (
    delete from mem0_cc.delivery d
    where d.consumer = p_consumer and d.module = p_module and d.position = any(p_positions)
    returning d.*
  )
  insert into mem0_cc.dead_letter (consumer, module, position, attempts, error, reason, dead_at, member)
  select d.consumer, d.module, d.position, d.failures + d.losses + 1,
         case when not d.position = any(v_forgotten) then p_error end, p_reason, clock_timestamp(), coalesce(d.member, '')
  from dead d
  on conflict on constraint dead_letter_pkey do update
    set attempts = excluded.attempts, error = excluded.error, reason = excluded.reason, dead_at = excluded.dead_at,
        member = excluded.member;
end
$$;

-- Counts a failure for rows of one module and puts them to rest, or, after as many as the consumer allows, among the dead letters.
-- p_delay_ms null: by the consumer's backoff. The caller holds C1, and has taken the rows from whoever held them.
create function mem0_cc.consumer_fail(
  p_consumer text, p_module text, p_positions bigint[], p_delay_ms bigint, p_error text)
returns void
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_consumer mem0_cc.consumer;
  v_now timestamptz := clock_timestamp();
  v_forgotten bigint[];
  v_dead bigint[];
begin
  select * into strict v_consumer from mem0_cc.consumer c where c.name = p_consumer;
  select array_agg(d.position) into v_dead
    from mem0_cc.delivery d
    where d.consumer = p_consumer and d.module = p_module and d.position = any(p_positions)
      and d.failures + 1 >= v_consumer.max_attempts;
  perform mem0_cc.consumer_bury(p_consumer, p_module, v_dead, 1, p_error);
  v_forgotten := mem0_cc.forgotten_of(p_module, p_positions);
  update mem0_cc.delivery d
    set failures = d.failures + 1, generation = null,
        error = case when not d.position = any(v_forgotten) then p_error end,
        due_at = v_now + (interval '1 millisecond') * coalesce(
          p_delay_ms,
          -- A fifth more or less, by chance: what failed together does not come back together.
          (0.8 + 0.4 * random()) * least(
            v_consumer.backoff_initial_ms * power(2, least(d.failures, 30)),
            greatest(v_consumer.backoff_max_ms, v_consumer.backoff_initial_ms)))
    where d.consumer = p_consumer and d.module = p_module and d.position = any(p_positions);
end
$$;

-- What became of rows that a membership holds: p_outcome 1 done, 2 failed, 3 to be parked, 4 given back.
-- Answers   the positions that it does not hold.
create function mem0_cc.consumer_settle(
  p_consumer text, p_generation bigint, p_module text, p_positions bigint[], p_outcome int, p_delay_ms bigint, p_error text)
returns bigint[]
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_settled bigint[];
  v_keys bigint[];
  v_firsts bigint[];
begin
  if p_outcome = 1 then
    -- C8. By the index, in the order of positions, as whoever else takes rows: two of them cannot wait for each other.
    perform set_config('synchronous_commit', 'off', true);
    with done as (
      delete from mem0_cc.delivery d
      where d.consumer = p_consumer and d.module = p_module and d.position = any(p_positions) and d.generation = p_generation
      returning d.position
    )
    select array_agg(done.position) into v_settled from done;
    return array(select unnest(p_positions) except select unnest(v_settled));
  end if;

  perform 1 from mem0_cc.consumer c where c.name = p_consumer for no key update;
  if p_outcome = 3 then
    select array_agg(d.position) into v_settled
      from mem0_cc.delivery d
      where d.consumer = p_consumer and d.module = p_module and d.position = any(p_positions) and d.generation = p_generation;
    perform mem0_cc.consumer_bury(p_consumer, p_module, v_settled, 2, p_error);
    return array(select unnest(p_positions) except select unnest(v_settled));
  end if;

  with back as (
    update mem0_cc.delivery d set generation = null
    where d.consumer = p_consumer and d.module = p_module and d.position = any(p_positions) and d.generation = p_generation
    returning d.position, d.key
  ), firsts as (
    select back.key, min(back.position) as position from back where back.key is not null group by back.key
  )
  select (select array_agg(back.position) from back), array_agg(firsts.key), array_agg(firsts.position)
    into v_settled, v_keys, v_firsts
    from firsts;
  perform mem0_cc.consumer_take_back(p_consumer, p_module, v_keys, v_firsts);
  if p_outcome = 2 and v_settled is not null then
    perform mem0_cc.consumer_fail(p_consumer, p_module, v_settled, p_delay_ms, p_error);
  end if;
  return array(select unnest(p_positions) except select unnest(v_settled));
end
$$;
