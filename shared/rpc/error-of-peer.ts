import type { DescMessage } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { ResourceInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { CosError, type ErrorDetail } from "#shared/errors/cos-error.ts";
import { detailOf, fieldsOf, reasonOf } from "./error-reason.ts";

/** The other service, for messages, and what of its own details is passed on beside those that every error may have. */
interface Peer {
  /** `the conductor`. */
  readonly name: string;
  readonly details?: readonly DescMessage[];
}

/**
 * What another service of the mesh has answered, as this one tells its own caller: reason, message and details stay.
 *
 * That the other one is away, or does not let this one in, is no fault of the caller's: ENGINE_UNAVAILABLE, which names it. A
 * call that was given up or came to its deadline is the caller's own doing, and stays as it is, as does what is no answer at all.
 */
export function errorOfPeer(error: unknown, peer: Peer): unknown {
  if (!(error instanceof ConnectError)) return error;
  if (error.code === Code.Canceled || error.code === Code.DeadlineExceeded) return error;
  const reason = knownReason(error);
  if (reason === undefined || error.code === Code.Unavailable || error.code === Code.Unauthenticated) {
    return new CosError(ErrorReason.ENGINE_UNAVAILABLE, absence(error, peer), { cause: error, ...waitOf(error) });
  }
  const resource = detailOf(error, ResourceInfoSchema);
  return new CosError(reason, error.rawMessage, {
    cause: error,
    fields: fieldsOf(error).map(({ field, description }) => ({ field, description })),
    ...(resource && { resource: { type: resource.resourceType, name: resource.resourceName } }),
    ...waitOf(error),
    details: (peer.details ?? []).flatMap((desc) => detailsOf(error, desc)),
  });
}

/** What is known of why: words of the mesh are passed on, those of drivers and proxies are not. */
function absence(error: ConnectError, { name }: Peer): string {
  const said = reasonOf(error);
  if (error.code === Code.Unauthenticated) return `${name} does not let this service in (${said ?? "no reason given"})`;
  return said === undefined ? `${name} does not answer` : `${name} does not serve: ${error.rawMessage}`;
}

function knownReason(error: ConnectError): ErrorReason | undefined {
  const name = reasonOf(error);
  return name !== undefined && Object.hasOwn(ErrorReason, name)
    ? ErrorReason[name as keyof typeof ErrorReason]
    : undefined;
}

function waitOf(error: ConnectError): { readonly retryAfterMs?: number } {
  const delay = detailOf(error, RetryInfoSchema)?.retryDelay;
  return delay === undefined ? {} : { retryAfterMs: durationMs(delay) };
}

function detailsOf(error: ConnectError, desc: DescMessage): ErrorDetail[] {
  const value = detailOf(error, desc);
  return value === undefined ? [] : [{ desc, value }];
}
