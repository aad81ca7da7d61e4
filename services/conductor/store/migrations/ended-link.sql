-- The JSON form of a cos.memory.v1.EndedLink, which writes 64-bit numbers as strings.
create function mem0_cc.ended_link(p_link mem0_cc.link)
returns jsonb
language sql
stable
as $$
  select jsonb_build_object(
    'position', p_link.position::text,
    'fromMemory', jsonb_build_object(
      'id', p_link.from_id::text, 'module', p_link.module, 'position', p_link.from_position::text),
    'toMemory', jsonb_build_object(
      'id', p_link.to_id::text, 'module', p_link.to_module, 'position', p_link.to_position::text),
    'type', 'LINK_TYPE_' || p_link.type)
$$
