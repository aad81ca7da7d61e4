import type { EdgeRow, ReferenceRow, StoredMention } from "../../domain/graph-rows.ts";
import type { EntityKind } from "../../domain/mention.ts";
import type { Properties, Type } from "../../domain/vocabulary.ts";

/** An edge as `edgeColumns` selects it. */
export interface StoredEdge {
  readonly e_id: string;
  readonly e_module: string;
  readonly e_type: Type;
  readonly e_from: string;
  readonly e_to: string;
  readonly e_origin: EdgeRow["origin"];
  readonly e_count: number;
  readonly e_position: number;
  readonly e_mention_kind: EntityKind | null;
  readonly e_mention_key: string;
  readonly e_mention_count: number;
  readonly e_forms: string[];
  readonly e_passages: number[];
  readonly e_properties: Properties | null;
  readonly e_revision: number;
  readonly e_changed: number;
}

/** Of the table `edge` by the name of `e`. */
export const edgeColumns = `e.id as e_id, e.module as e_module, e.type as e_type, e.from_id as e_from, e.to_id as e_to,
  e.origin as e_origin, e.count as e_count, e.position::float8 as e_position, e.mention_kind as e_mention_kind,
  e.mention_key as e_mention_key, e.mention_count as e_mention_count, e.forms as e_forms, e.passages as e_passages,
  e.properties as e_properties, e.revision::float8 as e_revision, e.changed::float8 as e_changed`;

export function edgeOf(row: StoredEdge): EdgeRow {
  return {
    id: row.e_id,
    module: row.e_module,
    type: row.e_type,
    from: row.e_from,
    to: row.e_to,
    origin: row.e_origin,
    count: row.e_count,
    position: row.e_position,
    mention: mentionOf(row),
    properties: row.e_properties ?? {},
    revision: row.e_revision,
    changed: row.e_changed,
  };
}

/** Of a row whose mention is there. */
export function referenceOf(row: StoredEdge): ReferenceRow {
  return edgeOf(row) as ReferenceRow;
}

function mentionOf(row: StoredEdge): StoredMention | undefined {
  if (row.e_mention_kind === null) return undefined;
  return {
    kind: row.e_mention_kind,
    key: row.e_mention_key,
    forms: row.e_forms,
    count: row.e_mention_count,
    passages: row.e_passages,
  };
}
