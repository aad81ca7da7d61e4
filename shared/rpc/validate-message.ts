import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { scrubMessage } from "./scrub-message.ts";

/** Each pattern of the contracts, compiled once. */
const patterns = new Map<string, RegExp>();

const validator = createValidator({ regexMatch: matches });

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

/** protovalidate repeats the text that must not occur, which for a NUL is a NUL. */
function toFault(violation: Violation): FieldFault {
  const description = violation.message.includes("\0") ? "must not contain a NUL character" : violation.message;
  return { field: pathToString(violation.field), description };
}

/**
 * Node's own expressions, which cost a tenth of the RE2 that protovalidate brings. What RE2 is for, patterns of strangers, does
 * not occur: these stand in our contracts, and a test holds them to linear time.
 */
function matches(pattern: string, text: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = new RegExp(pattern, "u");
    patterns.set(pattern, compiled);
  }
  return compiled.test(text);
}
