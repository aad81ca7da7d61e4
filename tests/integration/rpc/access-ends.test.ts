import { connect } from "node:net";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { recordMemories } from "#services/conductor/handlers/record-memories.ts";
import type { Recorded } from "#services/conductor/store/group-commit.ts";
import { accessRevoked, moduleNotFound } from "#shared/auth/refusals.ts";
import { mayRecord, type Scope } from "#shared/auth/scope.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { accessWith, EVERYTHING, gateFor, TOKEN, WITH_TOKEN } from "#tests/support/rpc/callers.ts";
import { clientOver, closeServed, failureOf, MEMORY, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

test("who is revoked, or expires, while the message comes is told so, and no handler runs", async () => {
  for (const [ends, reason] of [
    ["revoked", "TOKEN_REVOKED"],
    ["expired", "TOKEN_EXPIRED"],
  ]) {
    const access = accessWith(EVERYTHING);
    const { letIn, shown } = gateFor(access);
    let called = false;
    const getMemory = async () => {
      called = true;
      return {};
    };
    const { port } = await serve({ getMemory }, { letIn });
    const body = JSON.stringify({ module: "cc", position: "1" });
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.write(
      `POST /cos.conductor.v1.ConductorService/GetMemory HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
        `content-type: application/json\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    await until(() => shown.length === 1);
    if (ends === "revoked") access.end(accessRevoked());
    else access.expireAt(Date.now() - 1);
    socket.write(body);
    await until(() => answer.includes("\r\n\r\n"));
    expect(answer).toMatch(/^HTTP\/1.1 401/);
    await until(() => answer.includes(reason as string));
    expect(called).toBe(false);
    socket.destroy();
  }
});

describe.each(["gRPC", "Connect over HTTP/2"] as const)("over %s, a stream that records", (stack) => {
  test("is over when its access ends: no item is answered that was judged without rights", async () => {
    const access = accessWith([["cc", Verb.RECORD]]);
    const store = { record: (scope: Scope) => recordAsStoreDoes(scope) };
    const handlers = {
      recordMemories: recordMemories({ store, validate: () => [], onFault: () => {} }),
    };
    const served = await serve(handlers, gateFor(access));
    const answers: (string | undefined)[] = [];
    const stream = clientOver(stack, served).recordMemories(
      items(() => answers.length),
      WITH_TOKEN,
    );
    const failure = (await failureOf(
      (async () => {
        for await (const { results } of stream) {
          answers.push(...results.map(({ outcome }) => outcome.case));
          if (answers.length === 50) access.end(accessRevoked());
        }
      })(),
    )) as ConnectError;
    expect([failure.code, reasonOf(failure)]).toEqual([Code.Unauthenticated, "TOKEN_REVOKED"]);
    expect(answers.filter((answer) => answer !== "recorded")).toEqual([]);
  });
});

/** One memory a message, with some always on their way. */
async function* items(answered: () => number): AsyncGenerator<{ requests: { memory: typeof MEMORY }[] }> {
  for (let sent = 0; sent < 2_000; sent += 1) {
    yield { requests: [{ memory: MEMORY }] };
    for (let waits = 0; sent - answered() > 20 && waits < 2_000; waits += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (sent - answered() > 20) return;
  }
}

async function recordAsStoreDoes(scope: Scope): Promise<Recorded> {
  if (!mayRecord(scope, "cc")) throw moduleNotFound("cc");
  await new Promise((resolve) => setImmediate(resolve));
  return { memory: MEMORY, module: "cc", position: 1, epoch: "e", deduplicated: false } as unknown as Recorded;
}
