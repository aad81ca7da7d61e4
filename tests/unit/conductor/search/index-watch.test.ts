import { expect, test } from "@jest/globals";
import { IndexWatch } from "#services/conductor/search/index-watch.ts";

const never = 1_000_000;

function watched(pollMs: number) {
  const looks: PromiseWithResolvers<ReadonlyMap<string, number>>[] = [];
  const places = () => {
    const look = Promise.withResolvers<ReadonlyMap<string, number>>();
    looks.push(look);
    return look.promise;
  };
  return { watch: new IndexWatch({ places, pollMs }), looks };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("W1: all who wait share a look, and without them there is none", async () => {
  const { watch, looks } = watched(never);
  watch.moved();
  await turn();
  expect(looks).toHaveLength(0);
  const both = [watch.next(), watch.next()];
  await turn();
  expect(looks).toHaveLength(1);
  looks[0]!.resolve(new Map([["cc", 1]]));
  expect(await Promise.all(both)).toEqual([new Map([["cc", 1]]), new Map([["cc", 1]])]);
});

test("W2: it comes after the interval, or when the index is moved", async () => {
  const soon = watched(1);
  void soon.watch.next();
  while (soon.looks.length === 0) await turn();
  const { watch, looks } = watched(never);
  void watch.next();
  await turn();
  expect(looks).toHaveLength(0);
  watch.moved();
  await turn();
  expect(looks).toHaveLength(1);
});

test("W3: what is asked while a look is under way is a look of its own; one that fails is told to those who wait", async () => {
  const { watch, looks } = watched(never);
  watch.moved();
  const first = watch.next();
  await turn();
  const second = watch.next();
  watch.moved();
  await turn();
  expect(looks).toHaveLength(2);
  looks[0]!.reject(new Error("away"));
  looks[1]!.resolve(new Map());
  await expect(first).rejects.toThrow("away");
  await expect(second).resolves.toEqual(new Map());
});
