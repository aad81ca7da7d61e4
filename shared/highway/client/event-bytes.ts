import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";

/** What an event takes besides its texts, about. */
const BARE_BYTES = 400;

/** About how much memory an event takes: its texts are most of it. */
export function eventBytes(event: Event | undefined): number {
  if (event?.body.case !== "memory") return BARE_BYTES;
  const { text, promptTrace } = event.body.value;
  return BARE_BYTES + text.length + (promptTrace?.prompt.length ?? 0) + (promptTrace?.response.length ?? 0);
}
