import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { scrubMessage } from "./scrub-message.ts";

const validator = createValidator();

/**
 * Every field of a message that breaks a rule of its contract, or has a value that no answer could repeat. What only
 * the server sets is cleared in the message.
 */
export function faultsOf(desc: DescMessage, message: Message): FieldFault[] {
  const faults = scrubMessage(desc, message);
  if (faults.length > 0) {
    return faults;
  }
  const result = validator.validate(desc, message);
  if (result.kind === "error") {
    throw result.error;
  }
  return result.kind === "valid" ? [] : result.violations.map(toFault);
}

/** Makes a message fit for its handler, as `faultsOf` does; throws INVALID_FIELD with every field at fault. */
export function validateMessage(desc: DescMessage, message: Message): void {
  const fields = faultsOf(desc, message);
  if (fields.length === 0) {
    return;
  }
  const first = fields[0] as FieldFault;
  const text = first.field === "" ? first.description : `${first.field}: ${first.description}`;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : "";
  throw new CosError(ErrorReason.INVALID_FIELD, text + more, { fields });
}

/** Compiles a message's rules, which takes up to some 100 ms the first time; a faulty rule throws here. */
export function warmValidation(desc: DescMessage): void {
  faultsOf(desc, create(desc));
}

function toFault(violation: Violation): FieldFault {
  return { field: pathToString(violation.field), description: violation.message };
}
