import type { DescMessage, Message } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
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

/** The refusal of bytes that are not the message. */
export function malformed(desc: DescMessage, cause: unknown): CosError {
  return new CosError(ErrorReason.MALFORMED_MESSAGE, `the bytes are not a ${desc.typeName}`, { cause });
}
