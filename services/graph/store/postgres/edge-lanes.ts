import type { Type } from "../../domain/vocabulary.ts";

/** The numbers of types in the table of edges. One that has been given is never changed. */
const NUMBERS: Readonly<Record<Type, number>> = {
  CONTAINS: 0,
  FLOWS_TO: 1,
  TRIGGERED_BY: 2,
  CREATED_BY: 3,
  REFERENCES: 4,
  RELATES_TO: 5,
  DEPENDS_ON: 6,
};

export function numberOf(type: Type): number {
  return NUMBERS[type];
}

/** A generation's edges of one type, in one number: an index compares it in a third of the time that it takes for the two. */
export function laneSql(generation: string, number: string): string {
  return `(${generation} * 8 + ${number})`;
}

/** A generation's REFERENCES. */
export function referenceLane(generation: string): string {
  return laneSql(generation, String(NUMBERS.REFERENCES));
}
