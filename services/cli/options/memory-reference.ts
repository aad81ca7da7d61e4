import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { isId } from "./is-id.ts";

/** As people write it, or as search cites it. */
const PLACE = /^(?:m:)?([a-z][a-z0-9_]*)\/([1-9]\d{0,15})$/;

/** A memory as requests name it. */
export type MemoryReference = { readonly id: string } | { readonly module: string; readonly position: bigint };

/** A memory as people name it: by its id, or by its place, such as `pepys/1` or `m:pepys/1`. Throws CliFailure. */
export function memoryReference(which: string): MemoryReference {
  if (isId(which)) return { id: which.toLowerCase() };
  const [, module, position] = PLACE.exec(which) ?? [];
  if (module !== undefined && position !== undefined) return { module, position: BigInt(position) };
  throw new CliFailure(EXIT.usage, `${which} is neither an id nor a place such as pepys/1`);
}
