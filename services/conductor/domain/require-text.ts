import { invalidField } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";

/** Throws INVALID_FIELD for a text that cannot be kept as it is. */
export function requireText(field: string, text: string): void {
  const fault = textFault(text);
  if (fault !== undefined) throw invalidField(field, fault);
}
