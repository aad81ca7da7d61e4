// Which deliveries of a key were on their way while an earlier one of it was given back.
//
// Purpose: the mesh takes back what follows a failed event of its key. What it had sent by then still arrives, and would be worked
// before the failed one is tried again.
// Owner: one membership, which releases what is stale and, right after the failure, all that it held of the key, the failed one
// included. What the mesh took back already it refuses to hear of; what it did not take back comes again.
//
//  B1  After an event of a key was given back, a later one of it is stale until there is proof that the mesh had known: the event itself
//      (or an earlier one) comes again, or its release is refused.
//  B2  Where no proof comes for long, a delivery is good all the same.
//
// Failure mode: a mesh that gives no proof costs a key some time, and at worst its order, never an event.

/** What is on its way arrives within moments, in milliseconds. */
const PROOF_MAX_MS = 5_000;

export class GivenBack {
  readonly #byKey = new Map<string, { readonly position: number; readonly atMs: number }>();

  /** An event was given back. */
  note(key: string, position: number, nowMs: number): void {
    this.#byKey.set(key, { position, atMs: nowMs });
  }

  /** Whether what arrived is stale (B1, B2). */
  isStale(key: string | undefined, position: number, nowMs: number): boolean {
    const given = key === undefined ? undefined : this.#byKey.get(key);
    if (key === undefined || given === undefined) return false;
    const isStale = position > given.position && nowMs - given.atMs < PROOF_MAX_MS;
    if (!isStale) this.#byKey.delete(key);
    return isStale;
  }

  /** The mesh refused to hear of an event. */
  refused(module: string, position: number): void {
    for (const [key, given] of this.#byKey) {
      if (given.position === position && (key === module || key.startsWith(`${module}/`))) this.#byKey.delete(key);
    }
  }
}
