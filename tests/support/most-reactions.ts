import { jest } from "@jest/globals";

/** How many were told, at most, what became of one and the same promise (by its `then`) while `work` went on. */
export async function mostReactions(work: () => Promise<unknown>): Promise<number> {
  const spy = jest.spyOn(Promise.prototype, "then");
  try {
    await work();
    const counts = new Map<unknown, number>();
    for (const promise of spy.mock.contexts) counts.set(promise, (counts.get(promise) ?? 0) + 1);
    return Math.max(0, ...counts.values());
  } finally {
    spy.mockRestore();
  }
}
