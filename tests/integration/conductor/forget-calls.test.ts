import { fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { ForgottenSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { type Forgetful, openForgetful } from "./open-forgetful.ts";
import { openTestStore } from "./open-test-store.ts";
import { forgetAll, forgetting, someCall, someRequest, wholeModule } from "./some-forgetting.ts";

const everything = localScope();
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);
const clearHighway = async (): Promise<boolean> => true;
let given: Forgetful;
beforeAll(async () => {
  given = await openForgetful();
});
afterAll(() => given.close());

describe("a call that forgets", () => {
  test("a call that broke off is taken up where it stood", async () => {
    const { module, forget } = await given.freshModule(upTo(700).map(() => []));
    for await (const frame of forgetting({ store: given.store, clearHighway }, someRequest(wholeModule, { module }))) {
      expect(frame).toMatchObject({ found: 700n, forgotten: 500n, done: false });
      break;
    }
    expect((await given.forgottenOf(module)).length).toBe(500);
    expect((await forget(wholeModule)).at(-1)).toMatchObject({ found: 200n, forgotten: 200n });
    const events = (await given.memoriesOf(module)).filter(({ eventType }) => eventType === "cos.memory.forgotten");
    const positions = events.flatMap(({ payload }) => fromJson(ForgottenSchema, payload ?? {}).positions.map(Number));
    expect(positions).toEqual(upTo(700));
  });

  test("F1: two calls at once forget each memory once", async () => {
    const { module, forget } = await given.freshModule(upTo(600).map(() => []));
    const calls = await Promise.all([forget(wholeModule), forget(wholeModule)]);
    expect(calls.reduce((sum, frames) => sum + (frames.at(-1)?.forgotten ?? 0n), 0n)).toBe(600n);
    const events = (await given.memoriesOf(module)).filter(({ eventType }) => eventType === "cos.memory.forgotten");
    const positions = events.flatMap(({ payload }) => fromJson(ForgottenSchema, payload ?? {}).positions.map(Number));
    expect(positions.sort((a, b) => a - b)).toEqual(upTo(600));
  });

  test("H1: while the module is recorded in, what came after the call began stays, and positions are dense", async () => {
    const { module, forget } = await given.freshModule(upTo(1500).map(() => []));
    let on = true;
    const writer = (async () => {
      while (on) await given.store.record(everything, someMemory({ module, text: "later" }));
    })();
    const frames = await forget(wholeModule);
    on = false;
    await writer;
    const { rows } = await given.client.query(
      `select count(*)::int as rows, max(position)::int as head, count(*) filter (where text = 'later')::int as later,
              count(forgotten_at)::int as forgotten from mem0_cc.memory where module = $1`,
      [module],
    );
    const forgotten = Number(frames.at(-1)?.forgotten);
    expect(rows[0].rows).toBe(rows[0].head);
    expect(rows[0].forgotten).toBe(forgotten);
    expect(rows[0].later).toBeGreaterThan(0);
    expect(forgotten).toBeGreaterThanOrEqual(1500);
  });

  test("B8: a retired module can be forgotten in, not recorded in", async () => {
    const { module, forget } = await given.freshModule([[]]);
    await given.client.query("update mem0_cc.module set state = 'retired' where name = $1", [module]);
    await expect(given.store.record(everything, someMemory({ module }))).rejects.toMatchObject({
      reason: ErrorReason.MODULE_RETIRED,
    });
    expect((await forget(wholeModule)).at(-1)).toMatchObject({ forgotten: 1n });
    expect((await given.memoriesOf(module)).map(({ eventType }) => eventType)).toEqual([
      "note",
      "cos.memory.forgotten",
    ]);
  });

  test("a module that the caller cannot see, and one that is not there, are refused in the same words", async () => {
    const { module, forget } = await given.freshModule([[]]);
    const blind = forget(wholeModule, {}, someCall({ scope: scopeOf(["cc"]) }));
    const refusal = { reason: ErrorReason.MODULE_NOT_FOUND };
    await expect(blind).rejects.toMatchObject({ ...refusal, message: `there is no module "${module}"` });
    await expect(forget(wholeModule, { module: "nowhere" })).rejects.toMatchObject(refusal);
    expect(await given.forgottenOf(module)).toEqual([]);
  });

  test("the signal, and a right that is taken back, end it between two batches", async () => {
    const { module } = await given.freshModule(upTo(1200).map(() => []));
    const leaving = new AbortController();
    const needs = { store: given.store, clearHighway };
    const left = forgetting(needs, someRequest(wholeModule, { module }), someCall({ signal: leaving.signal }));
    await left.next();
    leaving.abort(new Error("gone"));
    await expect(left.next()).rejects.toThrow("gone");
    expect((await given.forgottenOf(module)).length).toBe(500);
    const call = someCall();
    const deprived = forgetting(needs, someRequest(wholeModule, { module }), call);
    await deprived.next();
    call.access.update({ ...call.access.principal, grants: new Map([[module, Verb.READ]]) });
    await expect(deprived.next()).rejects.toMatchObject({ reason: ErrorReason.RIGHT_MISSING });
    expect((await given.forgottenOf(module)).length).toBe(1000);
  });

  test("a request that says nothing of what to forget forgets nothing", async () => {
    const { module, forget } = await given.freshModule([[]]);
    for (const selector of [{ case: undefined }, { case: "wholeModule", value: false }] as const) {
      await expect(forget(selector)).rejects.toThrow(TypeError);
    }
    expect(await given.forgottenOf(module)).toEqual([]);
  });

  test("the event carries the trace of its call", async () => {
    const { module, forget } = await given.freshModule([[]]);
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    await forget(wholeModule, {}, someCall({ traceId, traceparent }));
    const announced = given.announced.findLast(([name]) => name === module)?.[1].event;
    expect(announced).toMatchObject({ traceparent, body: { value: { traceId } } });
    const limits = { eventsMax: 10, bytesMax: 100_000 };
    const { events } = await given.store.log.read(everything, module, 1, limits);
    expect(events).toEqual([announced]);
  });

  test("an entry that cannot be written undoes its batch", async () => {
    const { module, forget } = await given.freshModule([[]]);
    const nameless = someCall();
    nameless.access.update({ ...nameless.access.principal, name: "\0" });
    await expect(forget(wholeModule, {}, nameless)).rejects.toThrow();
    expect((await given.memoriesOf(module)).map(({ text }) => text)).toEqual(["up betimes"]);
  });

  test("a head that somebody else holds: PostgreSQL does not answer, and nothing is forgotten", async () => {
    const { module, forget } = await given.freshModule([[]]);
    await given.client.query("begin");
    await given.client.query("select from mem0_cc.head where module = $1 for update", [module]);
    await expect(forget(wholeModule)).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
    await given.client.query("rollback");
    expect(await given.forgottenOf(module)).toEqual([]);
  });

  test("a listener that throws harms nobody", async () => {
    const fragile = await openTestStore({
      onCommitted: () => {
        throw new Error("no ear");
      },
    });
    await fragile.store.record(everything, someMemory());
    const needs = { store: fragile.store, clearHighway };
    expect((await forgetAll(needs, someRequest(wholeModule))).at(-1)).toMatchObject({ forgotten: 1n, done: true });
    await fragile.close();
  });
});
