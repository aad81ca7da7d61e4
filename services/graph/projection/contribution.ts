// What one memory adds to the counts of a graph, as a function of how it names entities and of nothing else.
//
// Every counted row of a graph is the sum of these over all its memories. So a memory is added by adding its contribution, forgotten by
// taking it away, and names are merged by taking away what their memories contributed and adding what they contribute now; and a graph
// after any history equals a replay.
//
//  K1  An entity counts once for a memory, whatever the number of its names there. So does each form of a name of it.
//  K2  Two entities count once together if they come in one passage of the memory.
//  K3  Of the entities of a passage the first 24 count together, by the ids of their references: a list of names is not a conversation.
import type { ReferenceRow } from "../domain/graph-rows.ts";

/** K3. */
export const COMPANY_MAX = 24;

/** Adds (`sign` 1) or takes away (-1) what the references of one memory come to. */
export interface Tally {
  addEntity(entity: string, reference: ReferenceRow, sign: 1 | -1): void;
  addName(reference: ReferenceRow, form: string, sign: 1 | -1): void;
  /** `left` is the lesser of the two ids. */
  addPair(left: string, right: string, sign: 1 | -1): void;
}

/** Tells the tally what the references of one memory contribute; each entity with the first of its references, by id. */
export function contribute(references: readonly ReferenceRow[], tally: Tally, sign: 1 | -1): void {
  const ordered = [...references].sort((left, right) => (left.id < right.id ? -1 : 1));
  const entities = new Set<string>();
  for (const reference of ordered) {
    if (!entities.has(reference.to)) tally.addEntity(reference.to, reference, sign);
    entities.add(reference.to);
    // A memory has one reference for each name, and a name has each form once.
    for (const form of reference.mention.forms) tally.addName(reference, form, sign);
  }
  for (const [left, others] of companyOf(ordered)) for (const right of others) tally.addPair(left, right, sign);
}

/** Which entities come together (K2): from the lesser id to the greater ones. */
function companyOf(ordered: readonly ReferenceRow[]): Map<string, Set<string>> {
  const passages = new Map<number, string[]>();
  for (const { to, mention } of ordered) {
    for (const passage of mention.passages) {
      const company = passages.get(passage);
      if (company === undefined) passages.set(passage, [to]);
      else if (company.length < COMPANY_MAX && !company.includes(to)) company.push(to);
    }
  }
  const pairs = new Map<string, Set<string>>();
  for (const company of passages.values()) {
    if (company.length < 2) continue;
    company.sort();
    for (const [n, left] of company.entries()) {
      const others = pairs.get(left) ?? new Set();
      for (const right of company.slice(n + 1)) others.add(right);
      pairs.set(left, others);
    }
  }
  return pairs;
}
