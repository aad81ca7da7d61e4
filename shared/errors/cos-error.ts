import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { codeOf, reasonName } from "./reasons.ts";

/** A field that breaks a rule; `field` is its path in the spelling of the contract: `requests[17].memory.text`. */
export interface FieldFault {
  readonly field: string;
  readonly description: string;
}

/** A further detail of an error: any message, with its description. */
export interface ErrorDetail {
  readonly desc: DescMessage;
  readonly value: Message;
}

interface CosErrorOptions {
  readonly cause?: unknown;
  readonly fields?: readonly FieldFault[];
  /** What was not found or is in the way: `{ type: "module", name: "drafts" }`. */
  readonly resource?: { readonly type: string; readonly name: string };
  /** When it makes sense to try again, in milliseconds from now. */
  readonly retryAfterMs?: number;
  readonly details?: readonly ErrorDetail[];
}

/**
 * Every refusal of the mesh. The reason decides the gRPC code (`reasons.ts`); the message is for people and goes to the
 * caller as it is, so it never holds what the caller may not see.
 */
export class CosError extends Error {
  override readonly name = "CosError";
  readonly reason: ErrorReason;
  readonly code: Code;
  readonly fields: readonly FieldFault[];
  readonly resource: { readonly type: string; readonly name: string } | undefined;
  readonly retryAfterMs: number | undefined;
  readonly details: readonly ErrorDetail[];

  constructor(reason: ErrorReason, message: string, options: CosErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = codeOf(reason);
    this.fields = options.fields ?? [];
    this.resource = options.resource;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details ?? [];
  }

  /** The reason's name, for logs and programs. */
  get reasonName(): string {
    return reasonName(this.reason);
  }
}

/** INVALID_ARGUMENT for one field. */
export function invalidField(field: string, description: string, options: { cause?: unknown } = {}): CosError {
  return new CosError(ErrorReason.INVALID_FIELD, `${field}: ${description}`, {
    ...options,
    fields: [{ field, description }],
  });
}
