import { describe, expect, test } from "@jest/globals";
import { graphStoreContract } from "#tests/support/graph/contract.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";

graphStoreContract(
  "the model",
  async () => {
    const store = openMemoryGraph();
    return { store, close: () => store.close() };
  },
  // Compared with itself: that the sequences run at all.
  { sequences: 5 },
);

describe("the model", () => {
  test("rejects every call with the failure that it is given, until it is taken back", async () => {
    const store = openMemoryGraph();
    const away = new Error("the engine is away");
    store.failWith(away);
    await expect(store.live()).rejects.toBe(away);
    await expect(store.project({ generation: 1, module: "cc", after: 0 }, () => Promise.reject())).rejects.toBe(away);
    store.failWith(undefined);
    expect(await store.live()).toBeUndefined();
    expect(store.engine).toBe("postgres");
    store.failWith(away);
    await store.close();
  });
});
