import { PassThrough, Writable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { FakeConsumer, refusal } from "../highway-client/fake-consumer.ts";
import { cos, type Handlers } from "./support/some-consumers.ts";

describe("consume, without a command", () => {
  const handlersOf = (fake: FakeConsumer, more: Handlers = {}): Handlers => ({
    getConsumer: (request) => fake.client().getConsumer(request),
    consume: (messages, { signal }) => fake.consume(messages, signal),
    ...more,
  });
  const memories = [1n, 2n, 3n].map((position) => ({ module: "cc", position }));

  test("prints each memory on a line; Ctrl-C ends it with 130", async () => {
    const fake = new FakeConsumer({ key: Consumer_Key.MODULE });
    fake.add(...memories);
    const controller = new AbortController();
    const onStdout = (text: string): void => (text.includes('"3"') ? controller.abort() : undefined);
    const ran = await cos("consume c", handlersOf(fake), { signal: controller.signal, onStdout });
    expect(ran).toMatchObject({ exitCode: 130, stderr: "" });
    expect(
      ran.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).position),
    ).toEqual(["1", "2", "3"]);
    expect(fake.isDone).toBe(true);
    expect(await cos("consume c", handlersOf(fake), { signal: controller.signal })).toMatchObject({ exitCode: 130 });
  });

  test("creates the consumer if it is not there and it is said what it reads", async () => {
    const fake = new FakeConsumer({ key: Consumer_Key.MODULE });
    let isThere = false;
    const controller = new AbortController();
    const handlers = handlersOf(fake, {
      getConsumer: (request) => {
        if (!isThere) throw refusal(Code.NotFound, "CONSUMER_NOT_FOUND");
        return fake.client().getConsumer(request);
      },
      createConsumer: ({ consumer }) => {
        isThere = true;
        return { consumer: consumer! };
      },
    });
    expect(await cos("consume c", handlers)).toMatchObject({
      exitCode: 3,
      stderr: "cos: there is no consumer c: --module or --all creates it, and says what it reads\n",
    });
    const onStderr = (text: string): void => (text.includes("created") ? controller.abort() : undefined);
    const ran = await cos("consume c --module cc", handlers, { signal: controller.signal, onStderr });
    expect(ran).toMatchObject({ exitCode: 130, stderr: "cos: created the consumer c\n" });
  });

  test("goes on by itself after a loss, and says so once", async () => {
    const fake = new FakeConsumer({ key: Consumer_Key.MODULE });
    const controller = new AbortController();
    const onStdout = (): void => {
      fake.cut(fake.seats.at(-1)!, new ConnectError("gone", Code.Unavailable));
    };
    const onStderr = (text: string): void => (text.includes("connected again") ? controller.abort() : undefined);
    fake.add(memories[0]!);
    const { stderr } = await cos("consume c", handlersOf(fake), { signal: controller.signal, onStdout, onStderr });
    expect(stderr.split("\n").slice(0, 2)).toEqual([
      "cos: connection lost (gone): trying again",
      "cos: connected again: what was in hand comes again",
    ]);
  });

  test("ends with a word where it cannot go on", async () => {
    const fake = new FakeConsumer({ key: Consumer_Key.MODULE });
    const ended = (error: ConnectError, argv = "consume c") =>
      cos(
        argv,
        handlersOf(fake, {
          consume: () => {
            throw error;
          },
        }),
      );
    const lost = refusal(Code.Aborted, "MEMBER_REPLACED");
    expect(await ended(lost, "consume c --member m")).toMatchObject({
      exitCode: 1,
      stderr: "cos: another member goes by the name m: give this one another (--member), or none\n",
    });
    expect(await ended(refusal(Code.NotFound, "CONSUMER_NOT_FOUND"))).toMatchObject({ exitCode: 3 });
    expect(await ended(refusal(Code.PermissionDenied, "RIGHT_MISSING", "no right"))).toMatchObject({ exitCode: 1 });
    expect(
      await cos("consume c", {
        getConsumer: () => {
          throw new ConnectError("x", Code.Internal);
        },
      }),
    ).toMatchObject({
      exitCode: 1,
    });
  });

  test("what says what a consumer is goes with its modules; an empty command, and a name of another form, are refused", async () => {
    const fake = new FakeConsumer({ key: Consumer_Key.MODULE });
    for (const [argv, words] of [
      ["consume c --lease 5s", "--lease says what a consumer is"],
      ["consume c --exec=", "must not be empty"],
      ["consume bad_name", "small letters, digits and single hyphens"],
      ["consumers show Bad", "small letters, digits and single hyphens"],
      ["dead-letters ls bad_name", "small letters, digits and single hyphens"],
    ] as const) {
      const { exitCode, stderr } = await cos(argv, handlersOf(fake));
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)]);
    }
  });

  test("a reader that has gone ends it quietly, and nothing has failed", async () => {
    const fake = new FakeConsumer({ key: Consumer_Key.NONE });
    fake.add(memories[0]!);
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    });
    const onStderr = (): void => undefined;
    const gone = cos("consume c", handlersOf(fake), { stdout, onStderr, stdin: new PassThrough() });
    setTimeout(() => fake.add(...memories.slice(1)), 50);
    expect(await gone).toMatchObject({ exitCode: 0, stderr: "" });
    expect(fake.items.every(({ attempts }) => attempts === 0)).toBe(true);
  });
});
