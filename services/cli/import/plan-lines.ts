import { getOption } from "@bufbuild/protobuf";
import { output_only } from "#gen/cos/api/v1/annotations_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";

/** The one field of a line that is not the memory's own. */
export const KEY_FIELD = "idempotency_key";

/** How the keys of a line become fields of a memory. */
export interface LinePlan {
  /** By the key of a line: the fields it fills, in the contract's spelling. A key that is not in here is left over. */
  readonly fieldsOf: ReadonlyMap<string, readonly string[]>;
  /** Keys that only the server sets: an exported memory has them, an imported one gets its own. */
  readonly ignored: ReadonlySet<string>;
  /** For all lines, whatever they say. */
  readonly module: string | undefined;
  /** For lines that have none. */
  readonly source: string | undefined;
  readonly eventType: string | undefined;
  /** What keys are made of, beside a line's number and content. */
  readonly fileName: string;
}

export interface PlanOptions {
  readonly map?: readonly (readonly [field: string, key: string])[] | undefined;
  readonly module?: string | undefined;
  readonly source?: string | undefined;
  readonly eventType?: string | undefined;
  readonly fileName: string;
}

/** Throws CliFailure for a field that no memory has. */
export function planLines({ map = [], fileName, ...options }: PlanOptions): LinePlan {
  const spellings = spellingsOfFields();
  const fieldsOf = new Map<string, string[]>();
  for (const [field, keys] of spellings) for (const key of keys) fieldsOf.set(key, [field]);
  const mapped = map.map(([given, key]) => [fieldNamed(given, spellings), key] as const);
  // A field that is called otherwise no longer answers to its own names: a key of that name is left over.
  for (const [field] of mapped) for (const key of spellings.get(field) ?? []) fieldsOf.delete(key);
  const taken = new Map<string, string[]>();
  for (const [field, key] of mapped) taken.set(key, [...(taken.get(key) ?? []), field]);
  for (const [key, fields] of taken) fieldsOf.set(key, fields);
  const ignored = new Set(serverKeys().filter((key) => !fieldsOf.has(key)));
  const { module, source, eventType } = options;
  return { fieldsOf, ignored, module, source, eventType, fileName };
}

/** The fields that a line may set, each with its two spellings. */
function spellingsOfFields(): Map<string, readonly string[]> {
  const own = MemorySchema.fields.filter((field) => !getOption(field, output_only));
  const entries = own.map(({ name, jsonName }) => [name, [...new Set([name, jsonName])]] as const);
  return new Map([...entries, [KEY_FIELD, [KEY_FIELD, "idempotencyKey"]]]);
}

function serverKeys(): string[] {
  const fields = MemorySchema.fields.filter((field) => getOption(field, output_only));
  return fields.flatMap(({ name, jsonName }) => [name, jsonName]);
}

function fieldNamed(given: string, spellings: Map<string, readonly string[]>): string {
  for (const [field, keys] of spellings) if (keys.includes(given)) return field;
  const known = [...spellings.keys()].join(", ");
  throw new CliFailure(EXIT.usage, `--map: a memory has no field ${given}; there are ${known}`);
}
