-- The links of each module's memories, those that have ended too: what the events cos.memory.linked and cos.memory.unlinked come to.
--
-- No rationale stands here. It is read from its event, so that there is one place to remove it from.
create table mem0_cc.link (
  -- Of the event that made it, and of the memory that it starts at.
  module text not null,
  -- Of the event.
  position bigint not null,
  type text not null,
  from_position bigint not null,
  from_id uuid not null,
  to_module text not null,
  to_position bigint not null,
  to_id uuid not null,
  -- The position of the event that ended it; null: it stands.
  ended bigint,
  primary key (module, position)
);
create unique index link_standing on mem0_cc.link (module, from_position, type, to_module, to_position) where ended is null;
create index link_from on mem0_cc.link (module, from_position, position);
create index link_to on mem0_cc.link (to_module, to_position, module, position);
