import { afterEach, expect, test } from "@jest/globals";
import { MemoryLog } from "./memory-log.ts";
import { closeHubs, openFastHub, range, some } from "./open-hub.ts";

afterEach(closeHubs);

const until = async (isSo: () => boolean): Promise<void> => {
  for (let n = 0; !isSo(); n += 1) {
    if (n > 400) throw new Error("not so");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
const signal = new AbortController().signal;
const positionsIn = ({ events }: { readonly events: readonly { readonly position: number }[] }) =>
  events.map(({ position }) => position);

async function openTap(port: MemoryLog) {
  const hub = await openFastHub(port);
  const moved: string[] = [];
  const tap = hub.openTap((module) => moved.push(module));
  await until(() => [...hub.modules].length > 0);
  return { hub, tap, moved };
}

test("T1: whoever watches a module hears of what is recorded here at once, and of what is recorded elsewhere", async () => {
  const port = new MemoryLog();
  const { hub, tap, moved } = await openTap(port);
  tap.watch("cc");
  tap.watch("cc");
  moved.length = 0;
  hub.publish("cc", port.record("cc", some(2)));
  expect(moved).toContain("cc");
  expect(tap.headOf("cc")).toBe(2);
  port.record("cc", some(1));
  await until(() => tap.headOf("cc") === 3);
});

test("T1: a module that is registered is heard of, watched or not", async () => {
  const port = new MemoryLog();
  const { tap, moved } = await openTap(port);
  port.register("later");
  await until(() => moved.includes("later"));
  expect(tap.headOf("later")).toBe(0);
});

test("events come from the ring where it has them, from the log where not, no more than were asked for", async () => {
  const port = new MemoryLog();
  port.record("cc", some(5));
  const { hub, tap } = await openTap(port);
  await until(() => tap.headOf("cc") === 5);
  tap.watch("cc");
  hub.publish("cc", port.record("cc", some(5)));
  const readsBefore = port.reads;
  const near = await tap.read({ module: "cc", after: 5, eventsMax: 3, filter: undefined }, signal);
  expect([positionsIn(near), near.through, port.reads]).toEqual([range(5, 8), 8, readsBefore]);
  const far = await tap.read({ module: "cc", after: 0, eventsMax: 100, filter: undefined }, signal);
  expect([positionsIn(far), far.through]).toEqual([range(0, 10), 10]);
});

test("what the filter does not want is passed over", async () => {
  const port = new MemoryLog();
  const { hub, tap } = await openTap(port);
  tap.watch("cc");
  hub.publish("cc", port.record("cc", [{ sessionId: "a" }, { sessionId: "b" }, { sessionId: "a" }]));
  const filter = { sessionIds: ["b"] } as never;
  const wanted = { eventTypes: [], sources: [], tags: [], ...(filter as object) } as never;
  const read = await tap.read({ module: "cc", after: 0, eventsMax: 10, filter: wanted }, signal);
  expect([positionsIn(read), read.through]).toEqual([[2], 3]);
});

test("T2: after a new epoch it reads on; once it is closed, or a module unwatched, nothing is heard of", async () => {
  const port = new MemoryLog();
  port.record("cc", some(4));
  const { hub, tap, moved } = await openTap(port);
  tap.watch("cc");
  port.restore({ cc: 2 });
  hub.epochChanged();
  hub.publish("cc", port.record("cc", some(1)));
  await until(() => tap.headOf("cc") === 3);
  expect(positionsIn(await tap.read({ module: "cc", after: 0, eventsMax: 10, filter: undefined }, signal))).toEqual([
    1, 2, 3,
  ]);
  tap.close();
  tap.unwatch("cc");
  moved.length = 0;
  hub.publish("cc", port.record("cc", some(1)));
  expect(moved).toEqual([]);
});
