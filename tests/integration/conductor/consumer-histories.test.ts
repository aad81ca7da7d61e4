// Random histories of members at work, on PostgreSQL.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { useWork } from "./use-work.ts";

const { work, openWork } = useWork();

describe("whatever members do, in whatever order", () => {
  const members = ["ada", "bob", "cyd"] as const;
  const step = fc.oneof(
    fc.record({
      do: fc.constant("take" as const),
      who: fc.constantFrom(...members),
      many: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({
      do: fc.constant("claim" as const),
      who: fc.constantFrom(...members),
      many: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({
      do: fc.constantFrom("ack" as const, "retry" as const, "park" as const, "release" as const),
      who: fc.constantFrom(...members),
      many: fc.integer({ min: 0, max: 20 }),
    }),
    fc.record({
      do: fc.constantFrom("lose" as const, "leave" as const),
      who: fc.constantFrom(...members),
      many: fc.constant(0),
    }),
  );

  test("an event is held by one member at a time, no event goes before an earlier one of its key, and each is settled at last", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "b", "c", ""), { minLength: 4, maxLength: 12 }),
        fc.array(step, { maxLength: 25 }),
        async (sessions, steps) => {
          const it = await openWork(sessions, { maxAttempts: 3, backoffInitial: { nanos: 10_000_000 } });
          const generations = new Map<string, string>();
          /** Position to the generation that holds it, as members were told. */
          const held = new Map<number, string>();
          const over = new Set<number>();
          let read = 0;
          const generationOf = async (who: string) => {
            if (!generations.has(who)) generations.set(who, await it.join(who));
            return generations.get(who)!;
          };
          const getting = (position: number, generation: string) => {
            expect(held.has(position)).toBe(false);
            expect(over.has(position)).toBe(false);
            const session = sessions[position - 1]!;
            for (let earlier = 1; session !== "" && earlier < position; earlier += 1)
              if (sessions[earlier - 1] === session)
                expect(over.has(earlier) || held.get(earlier) === generation).toBe(true);
            held.set(position, generation);
          };
          const takeBack = (position: number, generation: string) => {
            const session = sessions[position - 1]!;
            held.delete(position);
            for (const [later, holder] of held)
              if (session !== "" && later > position && sessions[later - 1] === session && holder === generation)
                held.delete(later);
          };
          const perform = async ({ do: what, who, many }: { do: string; who: string; many: number }) => {
            const generation = await generationOf(who);
            const mine = [...held].filter(([, holder]) => holder === generation).map(([position]) => position);
            const chosen = mine[many % Math.max(1, mine.length)];
            if (what === "take" && read < sessions.length) {
              const taken = await it.take(generation, read, Math.min(sessions.length, read + many));
              read = taken.readThrough;
              for (const position of taken.given) getting(position, generation);
            } else if (what === "claim") {
              for (const { position } of await work().claim(it.name, generation, many)) getting(position, generation);
            } else if (what === "lose" || what === "leave") {
              await work().leave(it.name, generation, what === "lose");
              generations.delete(who);
              for (const position of mine) held.delete(position);
            } else if (
              chosen !== undefined &&
              (what === "ack" || what === "park" || what === "retry" || what === "release")
            ) {
              expect(await it.settle(generation, [chosen], what, { delayMs: 0 })).toEqual([]);
              if (what === "ack" || what === "park") {
                held.delete(chosen);
                over.add(chosen);
              } else {
                takeBack(chosen, generation);
                const died = (await it.dead()).some(({ event }) => Number(event!.body.value!.position) === chosen);
                if (died) over.add(chosen);
              }
            }
          };
          for (const one of steps) await perform(one);
          for (let n = 0; over.size < sessions.length && n < 200; n += 1) {
            await perform({ do: "take", who: "ada", many: 20 });
            await perform({ do: "claim", who: "ada", many: 20 });
            for (const who of members) await perform({ do: "ack", who, many: 0 });
          }
          expect(over.size).toBe(sessions.length);
          expect(await it.settled()).toBe(sessions.length);
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);
});
