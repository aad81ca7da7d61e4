-- Ends all links of memories that are about to be forgotten, in whatever module they are, and removes their rationales.
--
-- Purpose   a rationale may quote either of its memories: it goes with the first of them.
-- Owner     the conductor's forgetMemories, in the transaction of forget_batch, which calls it too.
--
--  E1  The heads of the memories' module and of the modules of all their links are locked first, in name order (B1). A link that another
--      module gets before that module is locked makes it begin again, with nothing locked: so there is no deadlock.
--  E2  Links that had ended before are found too: the log still has their rationales.
--  E3  The events are cos.memory.unlinked, of 250 links at most, in the modules of the links; the head's `forgetting` of each is the
--      position of its last one, so that whoever keeps a copy of its events drops it (F4).
--  E4  A link is told of once: of what was removed before nothing is left to find.
--
-- Failure   any error undoes the whole call.
--
-- p_event   as forget_batch takes it; of it count source, request_id, recorded_by and the trace
-- Answers   the events, by module and position.
create function mem0_cc.end_links(p_module text, p_positions bigint[], p_event jsonb)
returns table (module text, "position" bigint)
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
  v_modules text[];
  v_part record;
  v_position bigint;
begin
  loop
    begin
      select array_agg(distinct t.module) into v_modules from mem0_cc.links_touching(p_module, p_positions) t;
      perform 1 from mem0_cc.head h where h.module = any (v_modules || p_module) order by h.module for no key update;
      exit when not exists (
        select from mem0_cc.links_touching(p_module, p_positions) t where t.module <> all (v_modules || p_module));
      raise exception using errcode = 'COS01';
    exception when sqlstate 'COS01' then
      -- The heads are let go.
      null;
    end;
  end loop;

  for v_part in
    select g.module, jsonb_agg(g.told order by g.position) as links, array_agg(g.position) as positions
    from (
      select t.module, t.position, mem0_cc.ended_link(l) as told,
             (row_number() over (partition by t.module order by t.position) - 1) / 250 as part
      from mem0_cc.links_touching(p_module, p_positions) t
      join mem0_cc.link l on l.module = t.module and l.position = t.position
    ) g
    group by g.module, g.part
    order by g.module, g.part
  loop
    update mem0_cc.memory m
      set payload = m.payload - 'rationale', content_hash = null
      from unnest(v_part.positions) as p (position)
      where m.module = v_part.module and m.position = p.position;
    select r.position into strict v_position
      from mem0_cc.record_batch(json_build_array(p_event || jsonb_build_object(
        'n', 0, 'id', mem0_cc.new_id(), 'module', v_part.module, 'event_type', 'cos.memory.unlinked',
        'payload_type', 'cos.memory.v1.Unlinked',
        'payload', jsonb_build_object('links', v_part.links, 'forgotten', true),
        'size', 512 + 512 * cardinality(v_part.positions)))) r
      where r.outcome = 'recorded';
    update mem0_cc.link l set ended = v_position
      from unnest(v_part.positions) as p (position)
      where l.module = v_part.module and l.position = p.position and l.ended is null;
    update mem0_cc.head h set forgetting = v_position where h.module = v_part.module;
    return query select v_part.module, v_position;
  end loop;
end
$$
