import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { reasonName } from "#shared/errors/reasons.ts";

/** The domain of our reasons in `google.rpc.ErrorInfo`. */
export const ERROR_DOMAIN = "cos";

/**
 * Errors travel in headers and trailers, which peers limit (8 to 64 KiB): a batch of a thousand faulty items must not
 * make its own answer undeliverable.
 */
const FIELDS_MAX = 25;
const MESSAGE_LENGTH_MAX = 1_000;

type Detail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

/**
 * What a caller is told of an error, the same on both stacks: a `CosError` with its details, a `ConnectError` as it is
 * (if it is not too long), and of anything else nothing but INTERNAL and the request id, which leads to the log line that has the rest.
 */
export function toWireError(error: unknown, requestId: string): ConnectError {
  if (error instanceof CosError) {
    return new ConnectError(clip(error.message), error.code, undefined, detailsOf(error, requestId), error);
  }
  if (error instanceof ConnectError) {
    return withShortMessage(error);
  }
  const reason = ErrorReason.INTERNAL;
  const message = `internal error; its request id is ${requestId}`;
  return new ConnectError(message, Code.Internal, undefined, [errorInfo(reason, requestId)], error);
}

function withShortMessage(error: ConnectError): ConnectError {
  const message = clip(error.rawMessage);
  if (message === error.rawMessage) {
    return error;
  }
  const short = new ConnectError(message, error.code, error.metadata, undefined, error);
  short.details = error.details;
  return short;
}

function detailsOf(error: CosError, requestId: string): Detail[] {
  const details: Detail[] = [errorInfo(error.reason, requestId)];
  if (error.fields.length > 0) {
    const fieldViolations = error.fields
      .slice(0, FIELDS_MAX)
      .map(({ field, description }) => ({ field: clip(field), description: clip(description) }));
    details.push(detail(BadRequestSchema, { fieldViolations }));
  }
  if (error.resource !== undefined) {
    const { type, name } = error.resource;
    details.push(detail(ResourceInfoSchema, { resourceType: type, resourceName: clip(name) }));
  }
  if (error.retryAfterMs !== undefined) {
    details.push(detail(RetryInfoSchema, { retryDelay: toDuration(error.retryAfterMs) }));
  }
  return details.concat(error.details.map(({ desc, value }) => ({ desc, value })));
}

function errorInfo(reason: ErrorReason, requestId: string): Detail {
  return detail(ErrorInfoSchema, {
    reason: reasonName(reason),
    domain: ERROR_DOMAIN,
    metadata: { request_id: requestId },
  });
}

function detail<D extends DescMessage>(desc: D, init: MessageInitShape<D>): Detail {
  return { desc, value: create(desc, init) };
}

function toDuration(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.round(ms));
  return { seconds: BigInt(Math.floor(whole / 1_000)), nanos: (whole % 1_000) * 1_000_000 };
}

/** Well-formed and short: a lone surrogate cannot be percent-encoded into `grpc-message`. */
function clip(text: string): string {
  const short = text.length > MESSAGE_LENGTH_MAX ? `${text.slice(0, MESSAGE_LENGTH_MAX - 1)}…` : text;
  return short.toWellFormed();
}
