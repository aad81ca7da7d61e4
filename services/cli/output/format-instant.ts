import type { Timestamp } from "@bufbuild/protobuf/wkt";

/**
 * An instant as people read it, in UTC: `1660-01-11` for a midnight, else `2026-11-23 12:56:07Z`.
 *
 * Always UTC: zones of the 17th century are local mean times, in which a diary's day would become the one before.
 */
export function formatInstant(instant: Timestamp | undefined): string {
  if (instant === undefined) return "";
  // By the second: a fraction rounded up could be another year.
  const [day, time] = new Date(Number(instant.seconds) * 1000).toISOString().split("T") as [string, string];
  const midnight = Number(instant.seconds) % 86_400 === 0 && instant.nanos === 0;
  return midnight ? day : `${day} ${time.slice(0, 8)}Z`;
}
