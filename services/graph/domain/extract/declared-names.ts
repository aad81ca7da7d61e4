import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ENTITY_KINDS, type EntityKind } from "../mention.ts";

/** A name that a memory's payload declares. */
export interface DeclaredName {
  readonly kind: EntityKind;
  readonly form: string;
}

const LISTS: readonly (readonly [string, EntityKind])[] = [
  ["people", "person"],
  ["places", "place"],
  ["organisations", "organisation"],
  ["organizations", "organisation"],
  ["works", "work"],
  ["concepts", "concept"],
];

/** Names are looked for in the first so many values of a list. */
const VALUES_MAX = 1_000;

/**
 * The names that a payload declares: `entities` (strings, or objects with a `name` and perhaps a `kind`; of an unknown kind they are
 * concepts), and the lists `people`, `places`, `organisations`, `works`, `concepts`. What has another shape is somebody else's.
 */
export function declaredNames(payload: JsonObject | undefined): DeclaredName[] {
  if (payload === undefined) return [];
  const entities = valuesOf(payload.entities).flatMap(declaredEntity);
  const listed = LISTS.flatMap(([field, kind]) =>
    valuesOf(payload[field]).flatMap((value) => (typeof value === "string" ? [{ kind, form: value }] : [])),
  );
  return [...entities, ...listed];
}

function valuesOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value.slice(0, VALUES_MAX) : [];
}

function declaredEntity(value: JsonValue): DeclaredName[] {
  if (typeof value === "string") return [{ kind: "concept", form: value }];
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  const { name, kind } = value;
  return typeof name === "string" ? [{ kind: kindOf(kind), form: name }] : [];
}

function kindOf(kind: JsonValue | undefined): EntityKind {
  return ENTITY_KINDS.find((known) => known === kind) ?? "concept";
}
