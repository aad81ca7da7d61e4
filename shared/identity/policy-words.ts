import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";

/** The rights that can be granted, as files and tokens write them. */
export const VERB_OF_WORD: ReadonlyMap<string, Verb> = new Map([
  ["read", Verb.READ],
  ["record", Verb.RECORD],
  ["approve", Verb.APPROVE],
  ["admin", Verb.ADMIN],
]);

/** The kinds of callers, as files and tokens write them. */
export const KIND_OF_WORD: ReadonlyMap<string, PrincipalKind> = new Map([
  ["person", PrincipalKind.PERSON],
  ["agent", PrincipalKind.AGENT],
  ["service", PrincipalKind.SERVICE],
]);

/** The word that stands for a value. */
export function wordFor<T>(words: ReadonlyMap<string, T>, value: T): string {
  for (const [word, meant] of words) if (meant === value) return word;
  throw new TypeError("there is no word for this value");
}
