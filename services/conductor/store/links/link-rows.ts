import { create } from "@bufbuild/protobuf";
import { type Link, LinkSchema } from "#gen/cos/conductor/v1/links_pb.ts";
import { LinkType, LinkTypeSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { timestampOf } from "../memory-rows.ts";

/** A row of `mem0_cc.link` with what its event and its two memories say. */
export interface LinkRow {
  readonly module: string;
  readonly position: string;
  readonly type: string;
  readonly from_position: string;
  readonly from_id: string;
  readonly to_module: string;
  readonly to_position: string;
  readonly to_id: string;
  readonly ended: string | null;
  readonly rationale: string | null;
  readonly linked_by: string | null;
  readonly linked_us: string;
  readonly from_excerpt: string | null;
  readonly to_excerpt: string | null;
}

/** The characters of an excerpt. */
const EXCERPT_MAX = 200;

const excerpt = (memory: string): string =>
  `left(coalesce(nullif(${memory}.text, ''), ${memory}.prompt_trace ->> 'prompt', ''), ${EXCERPT_MAX})`;

/** Links of the alias `l`, whole. The rationale is read from the event, which alone has it. */
export function wholeLinks(links: string): string {
  return `
    select l.*, r.payload ->> 'rationale' as rationale, r.recorded_by as linked_by,
           (extract(epoch from r.recorded_at) * 1000000)::bigint as linked_us,
           ${excerpt("f")} as from_excerpt, ${excerpt("t")} as to_excerpt
    from (${links}) l
    cross join lateral (
      select * from mem0_cc.memory m where m.module = l.module and m.position = l.position limit 1) r
    cross join lateral (
      select * from mem0_cc.memory m where m.module = l.module and m.position = l.from_position limit 1) f
    cross join lateral (
      select * from mem0_cc.memory m where m.module = l.to_module and m.position = l.to_position limit 1) t`;
}

/** The link of a row. */
export function linkOf(row: LinkRow): Link {
  return create(LinkSchema, {
    fromMemory: {
      id: row.from_id,
      module: row.module,
      position: BigInt(row.from_position),
      excerpt: row.from_excerpt ?? "",
    },
    toMemory: {
      id: row.to_id,
      module: row.to_module,
      position: BigInt(row.to_position),
      excerpt: row.to_excerpt ?? "",
    },
    type: typeOfWord(row.type),
    rationale: row.rationale ?? "",
    position: BigInt(row.position),
    linkedAt: timestampOf(row.linked_us),
    linkedBy: row.linked_by ?? "",
    ended: row.ended !== null,
  });
}

/** `DEPENDS_ON`, as the table has it. */
export function wordOfType(type: LinkType): string {
  return LinkTypeSchema.value[type]?.localName ?? "RELATES_TO";
}

function typeOfWord(word: string): LinkType {
  const known = LinkTypeSchema.values.find(({ localName }) => localName === word);
  return (known?.number ?? LinkType.UNSPECIFIED) as LinkType;
}
