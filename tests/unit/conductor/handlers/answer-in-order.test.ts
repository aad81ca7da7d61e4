import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { answerInOrder } from "#services/conductor/handlers/answer-in-order.ts";

async function* from<T>(items: readonly T[], onTake: (item: T) => void = () => {}): AsyncGenerator<T> {
  for (const item of items) {
    onTake(item);
    yield item;
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("answerInOrder", () => {
  test("A1: answers come in the order of the input, however the work finishes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 4 })), fc.integer({ min: 1, max: 5 }), async (delays, weightMax) => {
        const work = async (turns: number) => {
          for (let i = 0; i < turns; i += 1) await turn();
          return turns;
        };
        const answers: number[] = [];
        for await (const answer of answerInOrder(from(delays), work, { weightMax, weigh: () => 1 }))
          answers.push(answer);
        expect(answers).toEqual(delays);
      }),
      { numRuns: 50 },
    );
  });

  test("A2: an answer does not wait for more input", async () => {
    const never = new Promise<void>(() => {});
    async function* oneThenSilence() {
      yield 1;
      await never;
    }
    const answers = answerInOrder(oneThenSilence(), async (n) => n * 10, { weightMax: 9, weigh: () => 1 });
    expect(await answers.next()).toEqual({ done: false, value: 10 });
    await answers.return(undefined);
  });

  test("A3: no more is taken while the work in hand is heavy enough", async () => {
    const taken: number[] = [];
    const gates: (() => void)[] = [];
    const work = (n: number) => new Promise<number>((resolve) => gates.push(() => resolve(n)));
    const answers = answerInOrder(
      from([1, 2, 3, 4], (n) => taken.push(n)),
      work,
      { weightMax: 4, weigh: () => 2 },
    );
    const first = answers.next();
    for (let i = 0; i < 10; i += 1) await turn();
    expect(taken).toEqual([1, 2]);
    gates[0]?.();
    expect((await first).value).toBe(1);
  });

  test("A4: when the reader leaves, the input is told", async () => {
    let told = false;
    async function* input() {
      try {
        for (let n = 0; ; n += 1) yield n;
      } finally {
        told = true;
      }
    }
    for await (const _ of answerInOrder(input(), async (n) => n, { weightMax: 1, weigh: () => 1 })) break;
    await turn();
    expect(told).toBe(true);
  });

  test("a fault of the input is the stream's fault", async () => {
    async function* broken() {
      yield 1;
      throw new Error("cut");
    }
    const drain = async () => {
      for await (const _ of answerInOrder(broken(), async (n) => n, { weightMax: 9, weigh: () => 1 }));
    };
    await expect(drain()).rejects.toThrow("cut");
  });
});
