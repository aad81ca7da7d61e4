import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { lineItems } from "#services/cli/import/line-items.ts";
import { planLines } from "#services/cli/import/plan-lines.ts";
import { readLines, unpack } from "#services/cli/import/read-lines.ts";
import type { Item } from "#services/cli/import/record-items.ts";
import { pairs } from "#services/cli/options/option-parsers.ts";
import type { Rig } from "../open-rig.ts";

const BATCH_ITEMS_MAX = 500;
const BATCH_BYTES_MAX = 1024 * 1024;
/** Of lines that do not say it. */
const UNNAMED = { source: "unnamed", eventType: "bench.memory" };

/** What was recorded. */
export interface RecordedFile {
  readonly module: string;
  /** Of each memory, by its position as text. */
  readonly keyAt: ReadonlyMap<string, string>;
  /** The position of the last one. */
  readonly head: bigint;
}

/**
 * Records a file of JSON lines, plain or gzip, in a new module, and keeps which key came to which position. `map` is that of
 * `cos import`: which fields are called otherwise in the file. Throws an Error for a line that cannot be recorded.
 */
export async function recordFile(
  { conductor, modules }: Rig,
  module: string,
  file: string,
  map: string,
): Promise<RecordedFile> {
  await modules.registerModule({ module: { name: module } });
  const plan = planLines({ map: map === "" ? [] : pairs(map), module, ...UNNAMED, fileName: basename(file) });
  const bytes = unpack(createReadStream(file));
  const items = lineItems(readLines(bytes), plan, (name, fault) => {
    throw new Error(`${file}, ${name}: ${fault.field} ${fault.message}`);
  });
  const keyAt = new Map<string, string>();
  let head = 0n;
  for await (const batch of batchesOf(items)) {
    const { responses } = await conductor.batchRecordMemories({ requests: batch.map(({ request }) => request) });
    for (const [index, { cursor }] of responses.entries()) {
      const position = cursor?.position ?? 0n;
      keyAt.set(String(position), batch[index]?.request.idempotencyKey ?? "");
      if (position > head) head = position;
    }
  }
  return { module, keyAt, head };
}

async function* batchesOf(groups: AsyncIterable<readonly Item[]>): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for await (const group of groups) {
    for (const item of group) {
      batch.push(item);
      bytes += item.bytes;
      if (batch.length < BATCH_ITEMS_MAX && bytes < BATCH_BYTES_MAX) continue;
      yield batch;
      [batch, bytes] = [[], 0];
    }
  }
  if (batch.length > 0) yield batch;
}
