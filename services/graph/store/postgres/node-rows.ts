import type { NodeRow } from "../../domain/graph-rows.ts";
import type { Label, Properties } from "../../domain/vocabulary.ts";

/** A node as `nodeColumns` selects it. */
export interface StoredNode {
  readonly n_id: string;
  readonly n_module: string;
  readonly n_label: Label;
  readonly n_kind: string;
  readonly n_key: string;
  readonly n_name: string;
  readonly n_origin: NodeRow["origin"];
  readonly n_count: number;
  readonly n_position: number;
  readonly n_event_type: string;
  readonly n_session: string;
  readonly n_occurred_ms: number | null;
  readonly n_forgotten: boolean;
  readonly n_properties: Properties | null;
  readonly n_revision: number;
  readonly n_changed: number;
}

/** Of the table `node` by the name of `n`. What is counted in 64 bits comes as doubles, which hold all that a position can be. */
export const nodeColumns = `n.id as n_id, n.module as n_module, n.label as n_label, n.kind as n_kind, n.key as n_key, n.name as n_name,
  n.origin as n_origin, n.count as n_count, n.position::float8 as n_position, n.event_type as n_event_type, n.session as n_session,
  n.occurred_ms::float8 as n_occurred_ms, n.forgotten as n_forgotten, n.properties as n_properties, n.revision::float8 as n_revision,
  n.changed::float8 as n_changed`;

export function nodeOf(row: StoredNode): NodeRow {
  return {
    id: row.n_id,
    module: row.n_module,
    label: row.n_label,
    kind: row.n_kind,
    key: row.n_key,
    name: row.n_name,
    origin: row.n_origin,
    count: row.n_count,
    position: row.n_position,
    eventType: row.n_event_type,
    session: row.n_session,
    occurredMs: row.n_occurred_ms ?? undefined,
    forgotten: row.n_forgotten,
    properties: row.n_properties ?? {},
    revision: row.n_revision,
    changed: row.n_changed,
  };
}
