import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { WriterConnection } from "#services/conductor/store/writer-connection.ts";
import { fakePool, sqlError } from "./fake-pool.ts";

describe("the connection of a lane", () => {
  test("W1: one that is late is answered in time, and kept for the next use", async () => {
    const session = Promise.withResolvers<void>();
    const { pool, queries } = fakePool(() => session.promise);
    const writer = new WriterConnection(pool, 250);
    await expect(writer.use(5)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    const second = writer.use(10_000);
    session.resolve();
    expect(await writer.use(10_000)).toBe(await second);
    expect(queries).toHaveLength(1);
    writer.close();
  });

  test("W2: one that could not be settled is closed, and the next use opens another", async () => {
    let failures = 1;
    const { pool, released } = fakePool(() => {
      if (failures-- > 0) throw sqlError("57P01");
    });
    const writer = new WriterConnection(pool, 250);
    await expect(writer.use(10_000)).rejects.toMatchObject({ code: "57P01" });
    expect(released).toEqual([true]);
    await writer.use(10_000);
    writer.drop();
    expect(released).toEqual([true, true]);
  });

  test("closed while it opens, it is given back when it comes", async () => {
    const session = Promise.withResolvers<void>();
    const { pool, released } = fakePool(() => session.promise);
    const writer = new WriterConnection(pool, 250);
    await expect(writer.use(1)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    writer.close();
    session.resolve();
    while (released.length === 0) await turn();
    expect(released).toEqual([true]);
  });
});
