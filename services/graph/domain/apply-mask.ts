import type { JsonObject } from "@bufbuild/protobuf";
import { invalidField } from "#shared/errors/cos-error.ts";
import { isPropertyName } from "#shared/fields/check-properties.ts";

/** What an update sends: some fields, and properties. */
type Content = Readonly<Record<string, unknown>> & { readonly properties?: JsonObject | undefined };

interface Masked<Field extends string> {
  /** What the item says now. */
  readonly current: Readonly<Record<Field, string>> & { readonly properties: JsonObject };
  /** What the caller sent. */
  readonly sent: Content;
  /** The paths of the mask. */
  readonly paths: readonly string[];
  /** The fields that may be changed, beside the properties. */
  readonly fields: readonly Field[];
  /** A field and what an item has that leaves it out; other fields have nothing. */
  readonly unset?: Partial<Record<Field, string>>;
}

const PROPERTY = "properties.";

/**
 * An item as an update wants it (AIP-134): what the mask names is what was sent, the rest stays. `properties` replaces all of them,
 * `properties.x` one, or removes it if nothing was sent for it. Throws INVALID_FIELD naming `update_mask`.
 */
export function applyMask<Field extends string>({
  current,
  sent,
  paths,
  fields,
  unset = {},
}: Masked<Field>): Record<Field, string> & { properties: JsonObject } {
  checkMask(paths, fields);
  const changed: Record<string, unknown> = { ...current };
  let properties = current.properties;
  for (const path of paths) {
    const field = fields.find((each) => each === path);
    if (field !== undefined) changed[field] = sent[field] || (unset[field] ?? "");
    else if (path === "properties") properties = { ...sent.properties };
    else properties = withProperty(properties, sent.properties, path.slice(PROPERTY.length));
  }
  return { ...changed, properties } as Record<Field, string> & { properties: JsonObject };
}

/** Throws INVALID_FIELD naming `update_mask` if it names nothing, or what is not to be changed. */
export function checkMask(paths: readonly string[], fields: readonly string[]): void {
  if (paths.length === 0) throw invalidField("update_mask", "must name what to change");
  const isOne = (path: string) => path.startsWith(PROPERTY) && isPropertyName(path.slice(PROPERTY.length));
  if (paths.every((path) => fields.includes(path) || path === "properties" || isOne(path))) return;
  throw invalidField("update_mask", `may name ${fields.join(", ")}, properties and properties.x, not another path`);
}

function withProperty(properties: JsonObject, sent: JsonObject | undefined, name: string): JsonObject {
  const { [name]: _, ...rest } = properties;
  const value = sent !== undefined && Object.hasOwn(sent, name) ? sent[name] : undefined;
  return value === undefined ? rest : { ...rest, [name]: value };
}
