import { getEventListeners } from "node:events";
import { expect, test } from "@jest/globals";
import { unlessAborted } from "#shared/highway/client/unless-aborted.ts";

const never = new Promise<string>(() => undefined);

test("it is what the work comes to, and the signal is let go of", async () => {
  const { signal } = new AbortController();
  await expect(unlessAborted(Promise.resolve("done"), signal)).resolves.toBe("done");
  await expect(unlessAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("an abort ends the wait, before it and during it", async () => {
  const controller = new AbortController();
  const waiting = unlessAborted(never, controller.signal);
  controller.abort();
  await expect(waiting).resolves.toBeUndefined();
  await expect(unlessAborted(never, controller.signal)).resolves.toBeUndefined();
});
