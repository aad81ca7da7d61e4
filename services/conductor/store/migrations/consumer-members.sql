-- The members of durable consumers: how a membership begins and ends, and what becomes of what it held.
--
-- Purpose   work goes to others as soon as its member is gone, whoever notices.
-- Owner     services/conductor/delivery. The invariants are those of consumers.sql (C1 to C10).
--
-- Failure   any error undoes the whole call.

-- Takes everything from a membership that has ended. p_lost: it ended without a word. That counts for what it may have been at: the first
-- that it held of each key, and of what has none in a module. What was lost 20 times is a dead letter. The caller holds C1.
create function mem0_cc.consumer_free(p_consumer text, p_generation bigint, p_lost boolean)
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
  v_module text;
  v_firsts bigint[];
  v_dead bigint[];
begin
  if p_lost then
    for v_module, v_firsts in
      select f.module, array_agg(f.position)
      from (select h.module, min(h.position) as position
            from mem0_cc.delivery h where h.consumer = p_consumer and h.generation = p_generation
            group by h.module, h.key) f
      group by f.module order by f.module
    loop
      select array_agg(d.position) into v_dead
        from mem0_cc.delivery d
        where d.consumer = p_consumer and d.module = v_module and d.position = any(v_firsts) and d.losses + 1 >= 20;
      perform mem0_cc.consumer_bury(p_consumer, v_module, v_dead, 3, 'the members that held it were lost');
      update mem0_cc.delivery d set losses = d.losses + 1
        where d.consumer = p_consumer and d.module = v_module and d.position = any(v_firsts);
    end loop;
  end if;
  update mem0_cc.delivery d set generation = null
    where d.consumer = p_consumer and d.generation = p_generation;
end
$$;

-- Makes a member; one of the same name is replaced, which is no loss of what it held.
-- Answers   the membership and the lease; nothing: there is no such consumer.
create function mem0_cc.consumer_join(p_consumer text, p_name text, p_principal text)
returns table (generation bigint, lease_ms int)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_lease_ms int;
  v_old bigint;
begin
  select c.lease_ms into v_lease_ms from mem0_cc.consumer c where c.name = p_consumer for no key update;
  if v_lease_ms is null then
    return;
  end if;
  perform mem0_cc.consumer_expire(p_consumer);
  delete from mem0_cc.consumer_member m where m.consumer = p_consumer and m.name = p_name returning m.generation into v_old;
  if v_old is not null then
    perform mem0_cc.consumer_free(p_consumer, v_old, false);
  end if;
  return query
  insert into mem0_cc.consumer_member (consumer, generation, name, principal, lease_ms, joined_at, lease_until)
  select p_consumer, nextval('mem0_cc.consumer_generation'), p_name, p_principal, v_lease_ms, n.now,
         n.now + (interval '1 millisecond') * v_lease_ms
  from (select clock_timestamp() as now) n
  returning consumer_member.generation, v_lease_ms;
end
$$;

-- Ends a membership. Answers whether there was one.
create function mem0_cc.consumer_leave(p_consumer text, p_generation bigint, p_lost boolean)
returns boolean
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
begin
  perform 1 from mem0_cc.consumer c where c.name = p_consumer for no key update;
  delete from mem0_cc.consumer_member m where m.consumer = p_consumer and m.generation = p_generation;
  if not found then
    return false;
  end if;
  perform mem0_cc.consumer_free(p_consumer, p_generation, p_lost);
  return true;
end
$$;

-- Ends the memberships of a consumer whose lease has run out, and counts as failed what is held past the acknowledgement deadline.
-- Answers   the memberships that it ended.
create function mem0_cc.consumer_expire(p_consumer text)
returns setof bigint
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_deadline timestamptz;
  v_generation bigint;
  v_module text;
  v_positions bigint[];
  v_keys bigint[];
  v_firsts bigint[];
begin
  select clock_timestamp() - (interval '1 millisecond') * c.ack_deadline_ms into v_deadline
    from mem0_cc.consumer c where c.name = p_consumer for no key update;
  for v_generation in
    delete from mem0_cc.consumer_member m where m.consumer = p_consumer and m.lease_until < clock_timestamp()
    returning m.generation
  loop
    perform mem0_cc.consumer_free(p_consumer, v_generation, true);
    return next v_generation;
  end loop;
  -- Null, without a deadline: nothing is late.
  for v_module in
    select distinct d.module
    from mem0_cc.delivery d
    where d.consumer = p_consumer and d.generation is not null and d.given_at < v_deadline
    order by d.module
  loop
    with late as (
      update mem0_cc.delivery d set generation = null
      where d.consumer = p_consumer and d.module = v_module and d.generation is not null and d.given_at < v_deadline
      returning d.position, d.key
    ), firsts as (
      select late.key, min(late.position) as position from late where late.key is not null group by late.key
    )
    select (select array_agg(late.position) from late), array_agg(firsts.key), array_agg(firsts.position)
      into v_positions, v_keys, v_firsts
      from firsts;
    perform mem0_cc.consumer_take_back(p_consumer, v_module, v_keys, v_firsts);
    perform mem0_cc.consumer_fail(
      p_consumer, v_module, coalesce(v_positions, '{}'), null, 'it was not settled within the acknowledgement deadline');
  end loop;
end
$$;
