-- Records a batch of memories of any modules: the log's one door (H1, H7).
--
-- Purpose   give each new memory the next position of its module and recognise what was recorded before.
-- Owner     the conductor's group commit; later the functions that record the log's own acts.
--
--  B1  The heads of all modules named are locked first, in name order, by a statement of their own. Two batches then
--      cannot deadlock, and under READ COMMITTED the next statement sees all that earlier holders committed.
--  B2  A new memory gets head + its rank within the module, and the head moves in the same statement: no gap, no repeat,
--      and a rollback leaves no hole.
--  B3  A key counts once in its module: in the table, or the first time it comes within this call. A repeat with equal
--      content, or of a memory since forgotten, is a duplicate; any other is key_reused.
--  B4  p_again says that this batch may have been committed by an earlier attempt whose answer was lost: rows are then also
--      looked for by id, and one that is there was recorded by us. (An attempt that arrives even later violates
--      memory_module_id and undoes itself.)
--  B5  recorded_at is the database's clock, but never before the head's: it does not decrease within a module.
--  B6  With p_atomic nothing is recorded as long as one row is at fault; the others are then held_back.
--  B7  Every look-up is one index probe, whatever the statistics said when the plan was made: LATERAL ... LIMIT 1, one generic
--      plan, no sequential scans, no JIT. A plan cached while the tables were empty stays good.
--
-- Failure   any error undoes the whole call. A value that cannot be stored (22xxx) is found by the caller, by halving the batch.
--
-- p_rows    [{n, id, module, event_type, source, text, occurred_at?, session_id?, tags?, payload?, payload_type?, request_id,
--           trace_id?, traceparent?, causation_id?, prompt_trace?, idempotency_key?, content_hash? (hex), size}]
-- Answers   a row for each n: recorded | duplicate (both with the place, and when it was recorded, in microseconds of the
--           Unix epoch), key_reused, module_unknown, module_retired, held_back.
create function mem0_cc.record_batch(p_rows json, p_atomic boolean default false, p_again boolean default false)
returns table (n int, outcome text, "position" bigint, recorded_us bigint)
language plpgsql
set search_path = mem0_cc, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
begin
  perform 1
    from mem0_cc.head h
    where h.module in (select r.value ->> 'module' from json_array_elements(p_rows) r)
    order by h.module
    for no key update;
  v_now := clock_timestamp();

  return query
  with given as materialized (
    select r.*,
           case when r.idempotency_key is null then r.n
                else min(r.n) over (partition by r.module, r.idempotency_key) end as first_n
    from json_to_recordset(p_rows) as r (
      n int, id uuid, module text, event_type text, source text, text text, occurred_at timestamptz, session_id text,
      tags text[], payload jsonb, payload_type text, request_id text, trace_id text, traceparent text, causation_id uuid,
      prompt_trace jsonb, idempotency_key text, content_hash text, size int)
  ), known as materialized (
    select g.n, g.first_n, g.id, g.module, g.content_hash,
           h.position as head, greatest(v_now, h.recorded_at) as now,
           coalesce(k.position, i.position) as old_position,
           coalesce(k.recorded_at, i.recorded_at) as old_at,
           case when h.state is null then 'module_unknown'
                when k.id = g.id or i.id = g.id then 'recorded'
                when k.id is not null then
                  case when k.forgotten_at is not null or k.content_hash = decode(g.content_hash, 'hex')
                       then 'duplicate' else 'key_reused' end
                when h.state <> 'active' then 'module_retired'
           end as verdict
    from given g
    left join lateral (
      select head.position, head.recorded_at, module.state
      from mem0_cc.head join mem0_cc.module on module.name = head.module
      where head.module = g.module limit 1) h on true
    left join lateral (
      select m.id, m.position, m.recorded_at, m.content_hash, m.forgotten_at from mem0_cc.memory m
      where m.module = g.module and m.idempotency_key = g.idempotency_key limit 1) k on true
    left join lateral (
      select m.id, m.position, m.recorded_at from mem0_cc.memory m
      where p_again and m.module = g.module and m.id = g.id limit 1) i on true
  ), judged as materialized (
    -- A key that comes again within the call follows its first row, unless the table has answered already.
    select k.*, coalesce(k.verdict,
             case when k.n = k.first_n then 'new'
                  when k.content_hash = f.content_hash then 'duplicate'
                  else 'key_reused' end) as judgement
    from known k
    left join (select known.n, known.content_hash from known where known.n = known.first_n) f
      on f.n = k.first_n and k.n <> k.first_n
  ), gate as materialized (
    select not (p_atomic and exists (
      select from judged j where j.judgement in ('module_unknown', 'module_retired', 'key_reused'))) as open
  ), fresh as materialized (
    select j.n, j.module, j.now, j.head + row_number() over (partition by j.module order by j.n) as position
    from judged j, gate
    where j.judgement = 'new' and gate.open
  ), stored as (
    insert into mem0_cc.memory (
      module, position, id, event_type, source, text, occurred_at, recorded_at, session_id, tags, payload, payload_type,
      request_id, trace_id, traceparent, causation_id, prompt_trace, idempotency_key, content_hash, size)
    select g.module, f.position, g.id, g.event_type, g.source, coalesce(g.text, ''), coalesce(g.occurred_at, f.now), f.now,
           g.session_id, coalesce(g.tags, '{}'), g.payload, g.payload_type, g.request_id, g.trace_id, g.traceparent,
           g.causation_id, g.prompt_trace, g.idempotency_key, decode(g.content_hash, 'hex'), g.size
    from fresh f join given g on g.n = f.n
  ), moved as (
    update mem0_cc.head h set position = top.position, recorded_at = top.now
    from (select f.module, max(f.position) as position, max(f.now) as now from fresh f group by f.module) top
    where h.module = top.module
  )
  select j.n,
         case when j.judgement in ('module_unknown', 'module_retired', 'key_reused') then j.judgement
              when not gate.open then 'held_back'
              when j.judgement = 'new' then 'recorded'
              else j.judgement end,
         coalesce(j.old_position, f.position),
         (extract(epoch from coalesce(j.old_at, f.now)) * 1000000)::bigint
  from judged j
  cross join gate
  left join fresh f on f.n = case when j.judgement in ('new', 'duplicate') then j.first_n end
  order by j.n;
end
$$
