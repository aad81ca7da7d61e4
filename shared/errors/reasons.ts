import { Code } from "@connectrpc/connect";
import { ErrorReason, ErrorReasonSchema } from "#gen/cos/api/v1/errors_pb.ts";

interface Row {
  /** The gRPC code that the reason always comes with, as cos/api/v1/errors.proto promises. */
  readonly code: Code;
  /** Whether the very same call may succeed later, so that a client may send it again by itself. */
  readonly retryable: boolean;
}

/** The reasons that this build knows. (Enums of protobuf are open: a newer peer may send others.) */
type KnownReason = (typeof ErrorReason)[keyof typeof ErrorReason];

const final = (code: Code): Row => ({ code, retryable: false });
const passing = (code: Code): Row => ({ code, retryable: true });

/** The one table from reason to code. Its type makes the compiler ask for a row when the contract gains a reason. */
const ROWS: Readonly<Record<KnownReason, Row>> = {
  [ErrorReason.UNSPECIFIED]: final(Code.Unknown),
  [ErrorReason.INVALID_FIELD]: final(Code.InvalidArgument),
  [ErrorReason.MALFORMED_MESSAGE]: final(Code.InvalidArgument),
  [ErrorReason.PAGE_TOKEN_INVALID]: final(Code.InvalidArgument),
  [ErrorReason.RESUME_TOKEN_INVALID]: final(Code.InvalidArgument),
  [ErrorReason.MODULE_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.MEMORY_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.IDEMPOTENCY_KEY_REUSED]: final(Code.AlreadyExists),
  [ErrorReason.MODULE_EXISTS]: final(Code.AlreadyExists),
  [ErrorReason.MODULE_RETIRED]: final(Code.FailedPrecondition),
  // Reading again and deciding again is the caller's, so the same call never succeeds later.
  [ErrorReason.REVISION_STALE]: final(Code.Aborted),
  // Going on elsewhere than asked is a decision of the caller's too: `CursorFaults` says where.
  [ErrorReason.CURSOR_ABOVE_HEAD]: final(Code.OutOfRange),
  [ErrorReason.CURSOR_BELOW_FLOOR]: final(Code.OutOfRange),
  [ErrorReason.CURSOR_PAST_FORK]: final(Code.DataLoss),
  [ErrorReason.OVERLOADED]: passing(Code.ResourceExhausted),
  // Used up is not too fast: waiting does not bring a quota back.
  [ErrorReason.QUOTA_EXCEEDED]: final(Code.ResourceExhausted),
  [ErrorReason.DRAINING]: passing(Code.Unavailable),
  [ErrorReason.ENGINE_UNAVAILABLE]: passing(Code.Unavailable),
  [ErrorReason.SUBSCRIBER_STALLED]: passing(Code.Unavailable),
  // A fault of ours may have happened after the effect.
  [ErrorReason.INTERNAL]: final(Code.Internal),
  [ErrorReason.TOKEN_MISSING]: final(Code.Unauthenticated),
  [ErrorReason.TOKEN_INVALID]: final(Code.Unauthenticated),
  [ErrorReason.TOKEN_EXPIRED]: final(Code.Unauthenticated),
  [ErrorReason.TOKEN_REVOKED]: final(Code.Unauthenticated),
  // Resuming is a decision of the caller's: it will be sent less, or nothing.
  [ErrorReason.ACCESS_CHANGED]: final(Code.Unauthenticated),
  [ErrorReason.RIGHT_MISSING]: final(Code.PermissionDenied),
  [ErrorReason.KIND_REFUSED]: final(Code.PermissionDenied),
  [ErrorReason.RATE_LIMITED]: passing(Code.ResourceExhausted),
  [ErrorReason.PRINCIPAL_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.PRINCIPAL_EXISTS]: final(Code.AlreadyExists),
  [ErrorReason.NODE_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.RELATIONSHIP_NOT_FOUND]: final(Code.NotFound),
  // The graph catches up by itself.
  [ErrorReason.PROJECTION_BEHIND]: passing(Code.DeadlineExceeded),
  [ErrorReason.ITEM_DERIVED]: final(Code.FailedPrecondition),
  [ErrorReason.NODE_IN_USE]: final(Code.FailedPrecondition),
  [ErrorReason.REBUILD_RUNNING]: final(Code.FailedPrecondition),
  [ErrorReason.NOTE_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.MODULE_BUILT_IN]: final(Code.FailedPrecondition),
  [ErrorReason.LINK_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.CONSUMER_NOT_FOUND]: final(Code.NotFound),
  [ErrorReason.CONSUMER_EXISTS]: final(Code.AlreadyExists),
  // Joining again is a decision of the member's: what it held may be somebody else's by now.
  [ErrorReason.MEMBERSHIP_LOST]: final(Code.Aborted),
  [ErrorReason.COUNT_MISMATCH]: final(Code.FailedPrecondition),
  [ErrorReason.MEMBER_REPLACED]: final(Code.Aborted),
};

function rowOf(reason: ErrorReason): Row {
  return ROWS[reason as KnownReason] ?? ROWS[ErrorReason.UNSPECIFIED];
}

/** The gRPC code of a reason. */
export function codeOf(reason: ErrorReason): Code {
  return rowOf(reason).code;
}

/** Whether the very same call may succeed later. */
export function isRetryable(reason: ErrorReason): boolean {
  return rowOf(reason).retryable;
}

/** The reason's name as `google.rpc.ErrorInfo` carries it: `CURSOR_PAST_FORK`. */
export function reasonName(reason: ErrorReason): string {
  return ErrorReasonSchema.value[reason]?.localName ?? "UNSPECIFIED";
}
