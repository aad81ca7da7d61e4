import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";

/**
 * The bytes that a memory of the alias `m` takes in a view, at most, as SQL. Without its large fields it is small, but its tags alone may
 * come to 16 KiB.
 */
export function sizeSql(view: MemoryView): string {
  if (view !== MemoryView.BASIC) return "m.size";
  return "512 + octet_length(m.source) + coalesce(octet_length(m.session_id), 0) + 2 * octet_length(array_to_string(m.tags, ' '))";
}
