import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";

/** A position of one module that the stream has brought, in order. */
export interface Arrival {
  readonly position: number;
  readonly epoch: string;
  /** Undefined: nothing that this build knows; the place moves all the same. */
  readonly memory: Memory | undefined;
  /** About how much memory it takes. */
  readonly bytes: number;
}

/** What a memory takes besides its texts, about. */
const BARE_BYTES = 400;

/** An arrival, weighed by its texts: they are most of it, and what takes time to read. */
export function arrivalOf(
  at: { readonly position: number; readonly epoch: string },
  memory: Memory | undefined,
): Arrival {
  const { text = "", promptTrace } = memory ?? {};
  const trace = (promptTrace?.prompt.length ?? 0) + (promptTrace?.response.length ?? 0);
  return { position: at.position, epoch: at.epoch, memory, bytes: BARE_BYTES + text.length + trace };
}
