import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";

/**
 * Resolves when the graph that is read has seen a cursor; at once without one. Rejects with PROJECTION_BEHIND shortly before the call's
 * deadline, with what is wrong with the cursor, or MODULE_NOT_FOUND where the caller may not read its module.
 */
export type AwaitPlace = (cursor: Cursor | undefined, call: CallContext) => Promise<void>;
