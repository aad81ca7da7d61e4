import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { ForgetMemoriesRequest } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";

/** What the contract's rules cannot say of a request to forget. Throws INVALID_FIELD. */
export function checkForgetting({ selector, reason }: ForgetMemoriesRequest): void {
  const texts: [field: string, text: string][] = [["reason", reason]];
  if (selector.case === "sessionId") texts.push(["session_id", selector.value]);
  if (selector.case === "source") texts.push(["source", selector.value]);
  const fields = texts.flatMap(([field, text]) => {
    const description = textFault(text);
    return description === undefined ? [] : [{ field, description }];
  });
  const [first] = fields;
  if (first === undefined) return;
  throw new CosError(ErrorReason.INVALID_FIELD, `${first.field}: ${first.description}`, { fields });
}
