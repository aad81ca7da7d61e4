import type { DescMessage, Message } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { Malformed } from "./decode-request.ts";
import { compileScrub, type Scrub } from "./scrub-message.ts";
import { validateMessage, warmValidation } from "./validate-message.ts";

const scrubs = new WeakMap<DescMessage, { readonly scrub: Scrub | undefined }>();

/** Compiles what `admitRequest` does to a type, so that the first caller need not wait for it. */
export function prepareAdmission(desc: DescMessage): void {
  scrubOf(desc);
  warmValidation(desc);
}

/** A request fit for its handler: decoded, without what only the server sets, valid. Throws INVALID_ARGUMENT else. */
export function admitRequest(desc: DescMessage, request: Message | Malformed): Message {
  if (request instanceof Malformed) {
    throw malformed(desc, request.cause);
  }
  scrubOf(desc)?.(request);
  validateMessage(desc, request);
  return request;
}

/** The refusal of bytes that are not the message. */
export function malformed(desc: DescMessage, cause: unknown): CosError {
  return new CosError(ErrorReason.MALFORMED_MESSAGE, `the bytes are not a ${desc.typeName}`, { cause });
}

function scrubOf(desc: DescMessage): Scrub | undefined {
  let entry = scrubs.get(desc);
  if (entry === undefined) {
    entry = { scrub: compileScrub(desc) };
    scrubs.set(desc, entry);
  }
  return entry.scrub;
}
