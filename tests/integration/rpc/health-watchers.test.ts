import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { detailOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { HealthBoard } from "#shared/rpc/health-board.ts";
import { closeServed, collect, failureOf, serve } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

describe("those who watch a board", () => {
  const { signal } = new AbortController();

  test("are no more than there is room for; one that leaves makes room", async () => {
    const board = new HealthBoard([], 2);
    const watchers = [board.watch("", signal), board.watch("", signal)];
    for (const each of watchers) expect((await each.next()).value).toBe("NOT_SERVING");
    const refused = { reason: ErrorReason.OVERLOADED, retryAfterMs: 5000 };
    await expect(board.watch("", signal).next()).rejects.toMatchObject(refused);
    await watchers[0]?.return(undefined);
    expect((await board.watch("", signal).next()).value).toBe("NOT_SERVING");
    await expect(board.watch("", signal).next()).rejects.toMatchObject(refused);
  });

  test("make room when their signal fires, while they wait for a change", async () => {
    const board = new HealthBoard([], 1);
    const leaving = new AbortController();
    const watcher = board.watch("", leaving.signal);
    await watcher.next();
    const next = watcher.next();
    leaving.abort();
    expect(await next).toMatchObject({ done: true });
    expect((await board.watch("", signal).next()).done).toBe(false);
  });
});

test("whoever comes when a thousand watch is told when to ask again, and a check is answered on", async () => {
  const served = await serve();
  const { signal } = new AbortController();
  const watchers = Array.from({ length: 1000 }, () => served.server.health.watch("", signal));
  await Promise.all(watchers.map((each) => each.next()));
  const health = createClient(Health, served.openTransport());
  const error = (await failureOf(collect(health.watch({})))) as ConnectError;
  expect([error.code, reasonOf(error)]).toEqual([Code.ResourceExhausted, "OVERLOADED"]);
  expect(detailOf(error, RetryInfoSchema)?.retryDelay?.seconds).toBe(5n);
  expect(await health.check({})).toMatchObject({ status: 1 });
});
