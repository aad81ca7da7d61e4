import { idOf } from "./ids.ts";

/**
 * The id of something new that is made by hand, where whoever makes it has given it a name of their own (an idempotency key, or a
 * placeholder within a batch): the same again for the same name, and never one that another module has.
 */
export function idOfNew(module: string, given: string): string {
  return idOf(module, "manual", given);
}
