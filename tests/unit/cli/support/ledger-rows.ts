import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type Model, openModel, type Step } from "#services/cli/ledger/model.ts";
import { parseKeys } from "#services/cli/ledger/parse-keys.ts";
import { type Row, rowOf } from "#services/cli/ledger/row.ts";
import { update } from "#services/cli/ledger/update.ts";

export const STARTED_MS = 1_800_000_000_000;

/** A memory that was recorded as many milliseconds after the first as its position says, unless `extra` says otherwise. */
export function memoryAt(position: number, extra: Partial<Memory> = {}): Memory {
  return create(MemorySchema, {
    id: `${extra.module ?? "cc"}-${position}`,
    module: "cc",
    position: BigInt(position),
    eventType: "note",
    source: "me",
    text: `text ${position}`,
    recordedAt: timestampFromMs(STARTED_MS + position),
    ...extra,
  } as never);
}

export function rowsAt(from: number, to: number, extra: Partial<Memory> = {}): Row[] {
  return Array.from({ length: to - from + 1 }, (_, index) => rowOf(memoryAt(from + index, extra)));
}

/** A ledger with these rows, read from the server, on a screen of 80 by 12: ten rows of the list. */
export function ledgerOf(rows: readonly Row[], more = false): Model {
  const empty = openModel({ columns: 80, rows: 12 }, ["cc"], {});
  return update(empty, { kind: "readRows", before: undefined, rows, more }).model;
}

/** What becomes of it when somebody types; the effects are those of all keys. */
export function typed(model: Model, text: string): Step {
  const effects: Step["effects"][number][] = [];
  let now = model;
  for (const key of parseKeys(text).keys) {
    const step = update(now, { kind: "key", key });
    now = step.model;
    effects.push(...step.effects);
  }
  return { model: now, effects };
}

/** Where the ledger stands, in the positions of its rows. */
export function standsAt({ rows, selected, top }: Model): {
  first: number | undefined;
  last: number | undefined;
  selected: number | undefined;
  top: number | undefined;
} {
  const position = (row: Row | undefined): number | undefined => row?.position;
  return {
    first: position(rows[0]),
    last: position(rows.at(-1)),
    selected: position(rows[selected]),
    top: position(rows[top]),
  };
}
