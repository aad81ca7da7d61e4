import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import type { Conductor } from "#tests/support/mesh-conductor.ts";
import { listen, upTo } from "#tests/support/mesh-listener.ts";
import { startWriters } from "#tests/support/mesh-writers.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(120_000);

const fromBeginning = { case: "fromBeginning", value: true } as const;

let mesh: Mesh;
let replica: Conductor;
beforeAll(async () => {
  mesh = await openMesh({ faults: true });
  replica = await mesh.replica();
});
afterAll(() => mesh?.stop());

describe("two conductors on the same engines", () => {
  needs("redis")(
    "take writes of the same module at once; subscribers of either hear all of it in one order",
    async () => {
      const listeners = [mesh.address, replica.address].map((at) => listen(mesh.client(at), { start: fromBeginning }));
      const addresses = [mesh.address, replica.address];
      const writers = addresses.map((at) => startWriters(() => mesh.client(at), { count: 3, pauseMs: 1 }));
      await delay(4_000);
      await Promise.all(writers.map((each) => each.stop()));
      const acknowledged = writers.flatMap((each) => each.acknowledged);
      const positions = acknowledged.map(({ position }) => position).sort((a, b) => a - b);
      expect(positions).toEqual(upTo(acknowledged.length));
      for (const listener of listeners) {
        await listener.reaches(acknowledged.length);
        expect(listener.positions()).toEqual(upTo(acknowledged.length));
      }
      expect(listeners[0]?.ids()).toEqual(listeners[1]?.ids());
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  );

  needs("redis")("the same key at once at both is one memory", async () => {
    const [one, other] = [mesh.client(), mesh.client(replica.address)];
    const memory = { eventType: "note", source: "me", text: "once" };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        (n % 2 === 0 ? one : other).conductor.recordMemory({ memory, idempotencyKey: "at-both" }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.cursor?.position)).size).toBe(1);
    expect(answers.filter((answer) => !answer.deduplicated)).toHaveLength(1);
  });

  needs("redis")("a cursor of the one is good at the other", async () => {
    const { cursor } = await mesh.client().conductor.recordMemory({
      memory: { eventType: "note", source: "me", text: "x" },
    });
    const leaving = new AbortController();
    const stream = mesh
      .client(replica.address)
      .conductor.subscribe({ cursors: cursor === undefined ? [] : [cursor] }, { signal: leaving.signal });
    for await (const { frame } of stream) {
      leaving.abort();
      expect(frame).toMatchObject({
        case: "started",
        value: { progress: [{ cursor: { position: cursor?.position } }] },
      });
      break;
    }
  });
});

describe("a thousand modules", () => {
  needs("redis")("one stream carries them all, and resumes by a token of some kilobytes", async () => {
    const client = mesh.client();
    const names = upTo(1_000).map((n) => `book_${n}`);
    for (let from = 0; from < names.length; from += 10) {
      await Promise.all(
        names.slice(from, from + 10).map((name) => client.modules.registerModule({ module: { name } })),
      );
    }
    const first = listen(client, { allModules: true, start: fromBeginning });
    await recordOneEach(client, names);
    for (const name of names) await first.reaches(1, name);
    await first.close();
    const token = await tokenOf(client);
    expect(token.length).toBeLessThan(16 * 1024);
    const resumed = listen(mesh.client(replica.address), { allModules: true, resumeToken: token });
    await recordOneEach(client, names);
    for (const name of names) await resumed.reaches(2, name);
    for (const name of names) expect(resumed.positions(name)).toEqual([2]);
    await resumed.close();
  });

  /** In parts: a batch is one transaction, which locks every module that it writes to. */
  async function recordOneEach({ conductor }: ReturnType<Mesh["client"]>, modules: readonly string[]): Promise<void> {
    const requests = modules.map((module) => ({ memory: { module, eventType: "note", source: "me", text: "one" } }));
    for (let from = 0; from < requests.length; from += 100) {
      await conductor.batchRecordMemories({ requests: requests.slice(from, from + 100) });
    }
  }

  /** The place of a stream that starts at the end of everything. */
  async function tokenOf({ conductor }: ReturnType<Mesh["client"]>): Promise<string> {
    const leaving = new AbortController();
    for await (const { frame } of conductor.subscribe({ allModules: true }, { signal: leaving.signal })) {
      leaving.abort();
      if (frame.case === "started") return frame.value.resumeToken;
    }
    throw new Error("no first frame");
  }
});
