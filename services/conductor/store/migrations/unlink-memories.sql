-- Takes a link back.
--
-- Owner     the conductor's unlinkMemories, which has found the two memories and judged the caller's rights.
--
--  U1  The head of the link's module is locked first (B1): of two who take it back one does.
--  U2  The event names the event that had made the link, so that a replay ends that one and no other.
--  U3  In a retired module nothing is taken back.
--
-- Failure   any error undoes the whole call.
--
-- p_event   as record_batch takes it, of type cos.memory.unlinked, without its payload
-- Answers   recorded (with the position of the event), link_unknown, module_retired.
create function mem0_cc.unlink_memories(
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
  v_link mem0_cc.link;
  v_state text;
  v_position bigint;
begin
  perform 1 from mem0_cc.head h where h.module = p_module for no key update;
  select m.state into v_state from mem0_cc.module m where m.name = p_module;
  if v_state <> 'active' then
    return query select 'module_retired', null::bigint;
    return;
  end if;
  select l.* into v_link from mem0_cc.link l
    where l.module = p_module and l.from_position = p_from_position and l.type = p_type
      and l.to_module = p_to_module and l.to_position = p_to_position and l.ended is null;
  if not found then
    return query select 'link_unknown', null::bigint;
    return;
  end if;
  select r.position into strict v_position
    from mem0_cc.record_batch(json_build_array(p_event || jsonb_build_object(
      'payload', jsonb_build_object('links', jsonb_build_array(mem0_cc.ended_link(v_link)))))) r
    where r.outcome = 'recorded';
  update mem0_cc.link l set ended = v_position where l.module = p_module and l.position = v_link.position;
  return query select 'recorded', v_position;
end
$$
