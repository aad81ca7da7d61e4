-- Makes a module's table of links anew from its log, which it is a projection of. For repairs, and for the proof that the two are equal.
--
--  R1  The head is locked: nobody links or takes back meanwhile.
--  R2  What stands in the table afterwards follows from the events alone.
create function mem0_cc.rebuild_links(p_module text)
returns void
language plpgsql
set search_path = mem0_cc, pg_temp
as $$
begin
  perform 1 from mem0_cc.head h where h.module = p_module for no key update;
  delete from mem0_cc.link l where l.module = p_module;
  insert into mem0_cc.link (module, position, type, from_position, from_id, to_module, to_position, to_id, ended)
  select p_module, m.position, substr(m.payload ->> 'type', length('LINK_TYPE_') + 1),
         (m.payload #>> '{fromMemory,position}')::bigint, (m.payload #>> '{fromMemory,id}')::uuid,
         m.payload #>> '{toMemory,module}', (m.payload #>> '{toMemory,position}')::bigint,
         (m.payload #>> '{toMemory,id}')::uuid, e.ended
  from mem0_cc.memory m
  left join (
    select (u.told ->> 'position')::bigint as position, min(o.position) as ended
    from mem0_cc.memory o cross join lateral jsonb_array_elements(o.payload -> 'links') as u (told)
    where o.module = p_module and o.event_type = 'cos.memory.unlinked'
    group by 1
  ) e on e.position = m.position
  where m.module = p_module and m.event_type = 'cos.memory.linked';
end
$$
