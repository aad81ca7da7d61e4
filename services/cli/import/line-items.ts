import { toBinary } from "@bufbuild/protobuf";
import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { LineFault } from "./line-fault.ts";
import type { LinePlan } from "./plan-lines.ts";
import type { Line } from "./read-lines.ts";
import type { Item } from "./record-items.ts";
import { shapeLine } from "./shape-line.ts";

/** What one message to the server may have, with room for its frame (SECURITY.md: 4 MiB). */
const CALL_BYTES_MAX = 4 * 1024 * 1024 - 4096;

/**
 * Lines as memories to record. A faulty one is told to `onFault`; if that answers false, nothing more is read.
 */
export async function* lineItems(
  lines: AsyncIterable<readonly Line[]>,
  plan: LinePlan,
  onFault: (name: string, fault: LineFault) => boolean,
): AsyncGenerator<Item[]> {
  for await (const group of lines) {
    const items: Item[] = [];
    for (const line of group) {
      const item = itemOf(plan, line);
      if (!(item instanceof LineFault)) items.push(item);
      else if (!onFault(`line ${line.number}`, item)) {
        yield items;
        return;
      }
    }
    yield items;
  }
}

function itemOf(plan: LinePlan, { number, text }: Line): Item | LineFault {
  if (text instanceof LineFault) return text;
  try {
    const request = shapeLine(plan, text, number);
    const bytes = sizeOf(text, () => toBinary(RecordMemoryRequestSchema, request).length);
    if (bytes <= CALL_BYTES_MAX) return { name: `line ${number}`, request, bytes };
    return new LineFault("", `${bytes} bytes are more than a call may have (4 MiB)`);
  } catch (error) {
    if (error instanceof LineFault) return error;
    throw error;
  }
}

/** What it weighs: the line's own length is near enough, and free, unless that could be too much. */
function sizeOf(text: string, exact: () => number): number {
  return text.length < CALL_BYTES_MAX / 4 ? text.length : exact();
}
