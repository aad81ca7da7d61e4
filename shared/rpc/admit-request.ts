import type { DescMessage, Message } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { BoundMethod } from "./bind-service.ts";
import { Malformed } from "./decode-request.ts";
import { validateMessage } from "./validate-message.ts";

/** A request fit for its handler: decoded, without what only the server sets, valid. Throws INVALID_ARGUMENT else. */
export function admitRequest(desc: DescMessage, request: Message | Malformed): Message {
  if (request instanceof Malformed) {
    throw malformed(desc, request.cause);
  }
  validateMessage(desc, request);
  return request;
}

/**
 * A call with a single request, admitted: fit, and its caller has the rights that it needs. Throws INVALID_ARGUMENT,
 * UNAUTHENTICATED, PERMISSION_DENIED or NOT_FOUND.
 */
export function admitCall(call: AdmittedCall, desc: DescMessage, request: Message | Malformed): Message {
  const fit = admitRequest(desc, request);
  admitCaller(call);
  call.method.requirement.judgeRequest(call.access, fit);
  return fit;
}

/**
 * The caller of a stream of requests, which are judged one by one. Throws UNAUTHENTICATED for one whose access has ended since it was
 * let in (the request may have taken its time), or PERMISSION_DENIED.
 */
export function admitCaller({ method, access }: AdmittedCall): void {
  const { ended } = access;
  if (ended !== undefined) {
    throw ended;
  }
  method.requirement.judgeCaller(access);
}

/** What is judged of a call. */
interface AdmittedCall {
  readonly method: Pick<BoundMethod, "requirement">;
  readonly access: Access;
}

/** The refusal of bytes that are not the message. */
export function malformed(desc: DescMessage, cause: unknown): CosError {
  return new CosError(ErrorReason.MALFORMED_MESSAGE, `the bytes are not a ${desc.typeName}`, { cause });
}
