-- Forgets memories of one module: their places stay, what they said goes.
--
-- Purpose   remove content from the log for good, and tell everybody of it in the same commit.
-- Owner     the conductor's forgetMemories, which finds the positions and writes the audit in the same transaction.
--
--  F1  The head of the module is locked first (B1). So forgettings of one module come one after the other, each sees what those before
--      it have committed, and nothing is forgotten twice.
--  F2  Of a forgotten memory stay: id, module, position, event_type, recorded_at, and the idempotency key, so that a call that is sent
--      again is still recognised. Everything else is emptied. Its place in the order of happening is that of recording.
--  F3  The log's own acts (types that begin with `cos.`) are never forgotten: they hold ids and positions, and those that
--      tell of acts upon the graph what was given there by hand (names, properties), which a replay needs (docs/security.md).
--  F4  What was forgotten is told by one event of type cos.memory.forgotten, recorded by record_batch like any other (H1, H7), and
--      the head's `forgetting` is its position, in the same commit. Whoever keeps a copy compares the two.
--  F5  Nothing to forget: nothing is recorded.
--  F6  Every look-up is one probe of the primary key, whatever the statistics said when the plan was made (as B7).
--
-- Failure   any error undoes the whole call.
--
-- p_event   {id, event_type, source, payload_type, request_id, recorded_by, trace_id?, traceparent?}
-- Answers   the position of the event; null: nothing was left to forget.
create function mem0_cc.forget_batch(p_module text, p_positions bigint[], p_event jsonb)
returns bigint
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_now timestamptz;
  v_payload jsonb;
  v_size int;
  v_forgetting bigint;
begin
  perform 1 from mem0_cc.head h where h.module = p_module for no key update;
  v_now := clock_timestamp();

  with emptied as (
    update mem0_cc.memory m
    set forgotten_at = v_now, occurred_at = m.recorded_at, source = '', text = '', session_id = null, tags = '{}',
        payload = null, payload_type = null, request_id = '', trace_id = null, traceparent = null, causation_id = null,
        prompt_trace = null, content_hash = null, recorded_by = null,
        -- Id, place and times in protobuf, at most, beside the two names.
        size = 128 + octet_length(m.module) + octet_length(m.event_type)
    from unnest(p_positions) as p (position)
    where m.module = p_module and m.position = p.position and m.forgotten_at is null and not m.event_type ^@ 'cos.'
    returning m.id, m.position
  )
  -- The JSON form of cos.memory.v1.Forgotten, which writes 64-bit numbers as strings.
  select jsonb_build_object('ids', jsonb_agg(e.id::text order by e.position),
                            'positions', jsonb_agg(e.position::text order by e.position)),
         512 + 64 * count(*)
    into v_payload, v_size
    from emptied e
    having count(*) > 0;
  if v_payload is null then
    return null;
  end if;

  select r.position into strict v_forgetting
    from mem0_cc.record_batch(json_build_array(
      p_event || jsonb_build_object('n', 0, 'module', p_module, 'payload', v_payload, 'size', v_size))) r
    where r.outcome = 'recorded';
  update mem0_cc.head h set forgetting = v_forgetting where h.module = p_module;
  return v_forgetting;
end
$$
