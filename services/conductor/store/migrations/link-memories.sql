-- Links one memory to another.
--
-- Purpose   a link is an event of the log and a row of the table of links, in one commit.
-- Owner     the conductor's linkMemories, which has found the two memories and judged the caller's rights.
--
--  L1  The heads of both modules are locked first, in name order (B1). So a memory that is being forgotten is not linked meanwhile, and two
--      who link the same make one link.
--  L2  A link that stands is answered, not made again. A call with a key that was used is answered with what was recorded then, if it asks
--      for the same: whoever is answered sees no memory that the call did not name.
--  L3  In a retired module nothing is linked.
--  L4  When one of the two memories is forgotten, the link ends and its rationale goes (end-links.sql).
--
-- Failure   any error undoes the whole call.
--
-- p_event   as record_batch takes it, of type cos.memory.linked
-- Answers   recorded | duplicate | standing (each with the position of the link's event), key_reused, module_retired, from_forgotten,
--           to_forgotten.
create function mem0_cc.link_memories(
  p_module text, p_from_position bigint, p_type text, p_to_module text, p_to_position bigint, p_event jsonb)
returns table (outcome text, "position" bigint)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_from mem0_cc.memory;
  v_to mem0_cc.memory;
  v_known mem0_cc.memory;
  v_state text;
  v_position bigint;
begin
  perform 1 from mem0_cc.head h where h.module in (p_module, p_to_module) order by h.module for no key update;

  if p_event ->> 'idempotency_key' is not null then
    select m.* into v_known from mem0_cc.memory m
      where m.module = p_module and m.idempotency_key = p_event ->> 'idempotency_key' limit 1;
    if found then
      -- The hash went with the rationale of a forgotten link (as B3): what is left to compare is what it had linked.
      return query select
        case when coalesce(
                    v_known.content_hash = decode(p_event ->> 'content_hash', 'hex'),
                    exists (
                      select from mem0_cc.link l
                      where l.module = p_module and l.position = v_known.position and l.from_position = p_from_position
                        and l.type = p_type and l.to_module = p_to_module and l.to_position = p_to_position))
             then 'duplicate' else 'key_reused' end,
        v_known.position;
      return;
    end if;
  end if;

  select m.state into v_state from mem0_cc.module m where m.name = p_module;
  if v_state <> 'active' then
    return query select 'module_retired', null::bigint;
    return;
  end if;
  select m.* into strict v_from from mem0_cc.memory m where m.module = p_module and m.position = p_from_position;
  select m.* into strict v_to from mem0_cc.memory m where m.module = p_to_module and m.position = p_to_position;
  if v_from.forgotten_at is not null or v_to.forgotten_at is not null then
    return query select case when v_from.forgotten_at is null then 'to_forgotten' else 'from_forgotten' end, null::bigint;
    return;
  end if;

  select l.position into v_position from mem0_cc.link l
    where l.module = p_module and l.from_position = p_from_position and l.type = p_type
      and l.to_module = p_to_module and l.to_position = p_to_position and l.ended is null;
  if found then
    return query select 'standing', v_position;
    return;
  end if;

  select r.position into strict v_position
    from mem0_cc.record_batch(json_build_array(p_event)) r where r.outcome = 'recorded';
  insert into mem0_cc.link (module, position, type, from_position, from_id, to_module, to_position, to_id)
    values (p_module, v_position, p_type, p_from_position, v_from.id, p_to_module, p_to_position, v_to.id);
  return query select 'recorded', v_position;
end
$$
