import { PassThrough, Writable } from "node:stream";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import {
  type Consumer,
  Consumer_Key,
  ConsumerSchema,
  type ConsumerStatus,
  ConsumerStatusSchema,
  type DeadLetter,
  DeadLetter_Reason,
  DeadLetterSchema,
  type DeadLetterSelector,
} from "#gen/cos/highway/v1/consumers_pb.ts";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import {
  type CreateConsumerRequest,
  HighwayService,
  type SeekConsumerRequest,
  type UpdateConsumerRequest,
} from "#gen/cos/highway/v1/highway_service_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { FakeConsumer, refusal } from "../highway-client/fake-consumer.ts";
import { type RunOptions, run } from "./support/run.ts";

type Handlers = Partial<ServiceImpl<typeof HighwayService>>;

const cos = (argv: string, handlers: Handlers = {}, options: RunOptions = {}) => {
  const transport = createRouterTransport((router) => router.service(HighwayService, handlers));
  return run(argv.split(" "), { transport: { ...transport, close: () => undefined }, ...options });
};

type StatusInit = Omit<MessageInitShape<typeof ConsumerStatusSchema>, "consumer" | "$typeName" | "$unknown">;

const consumer = create(ConsumerSchema, {
  name: "c",
  modules: ["a", "b"],
  key: Consumer_Key.SESSION,
  lease: durationFromMs(90_000),
  maxAttempts: 5,
  maxInFlight: 1000,
  backoffInitial: durationFromMs(200),
  backoffMax: durationFromMs(3_600_000),
  filter: { eventTypes: ["diary.*"], sources: ["me"], sessionIds: ["s"], tags: ["t"] },
  createdBy: "owner",
});

const status = (init: StatusInit = {}, of: Consumer = consumer): ConsumerStatus =>
  create(ConsumerStatusSchema, { consumer: of, lag: 1234n, deadLetters: 2n, ...init });

const REASONS = [
  DeadLetter_Reason.UNSPECIFIED,
  DeadLetter_Reason.PARKED,
  DeadLetter_Reason.MEMBERS_LOST,
  DeadLetter_Reason.ATTEMPTS,
];

const letter = (position: number, error: string): DeadLetter =>
  create(DeadLetterSchema, {
    event: create(EventSchema, {
      body: {
        case: "memory",
        value: create(MemorySchema, { module: "a", position: BigInt(position), text: "what it said" }),
      },
    }),
    attempts: position,
    error,
    reason: REASONS[position % 4]!,
    deadAt: timestampFromMs(1_800_000_000_000),
    member: "m",
  });

describe("create", () => {
  const asked = async (options: string): Promise<CreateConsumerRequest> => {
    let request: CreateConsumerRequest | undefined;
    const createConsumer: Handlers["createConsumer"] = (given) => {
      request = given;
      return { consumer: given.consumer!, existed: false };
    };
    expect(await cos(`consumers create c ${options}`.trim(), { createConsumer })).toMatchObject({ exitCode: 0 });
    return request!;
  };

  test("by default of cc, from its end, by module", async () => {
    const { consumer, start, cursors } = await asked("");
    expect(consumer).toMatchObject({
      name: "c",
      modules: [],
      allModules: false,
      key: Consumer_Key.MODULE,
      maxAttempts: 0,
    });
    expect(consumer?.filter).toBeUndefined();
    expect([start.case, cursors]).toEqual([undefined, []]);
  });

  test("with all its settings", async () => {
    const options =
      "--module a --module a --type diary.* --key source --lease 5s --max-attempts 3 --max-in-flight 7 --ack-deadline 2m --backoff 200ms..5m --description x";
    expect((await asked(options)).consumer).toMatchObject({
      modules: ["a"],
      key: Consumer_Key.SOURCE,
      filter: { eventTypes: ["diary.*"] },
      lease: { seconds: 5n },
      maxAttempts: 3,
      maxInFlight: 7,
      ackDeadline: { seconds: 120n },
      backoffInitial: { nanos: 200_000_000 },
      backoffMax: { seconds: 300n },
      description: "x",
    });
    expect((await asked("--backoff 2s --all")).consumer).toMatchObject({
      allModules: true,
      backoffInitial: { seconds: 2n },
    });
  });

  test("from a place", async () => {
    expect((await asked("--from beginning")).start).toEqual({ case: "fromBeginning", value: true });
    expect((await asked("--from end")).start.case).toBeUndefined();
    expect((await asked("--from 2026-01-01")).start).toMatchObject({ value: { seconds: 1_767_225_600n } });
    expect((await asked("--from 40")).cursors).toMatchObject([{ module: "cc", position: 39n }]);
    expect((await asked("--module a --from 40")).cursors).toMatchObject([{ module: "a", position: 39n }]);
    expect((await asked("--all --from pepys/1")).cursors).toMatchObject([{ module: "pepys", position: 0n }]);
    expect(await cos("consumers create c --all --from 40")).toMatchObject({ exitCode: 2 });
  });

  test("what makes no sense is said by its option", async () => {
    expect((await cos("consumers create c --from yesterday")).stderr).toMatch(/--from.*must be beginning, end/s);
    expect((await cos("consumers create c --backoff soon")).stderr).toMatch(/--backoff.*1s\.\.5m/s);
  });
});

describe("ls and show", () => {
  test("a table, page by page, and JSON", async () => {
    const listConsumers: Handlers["listConsumers"] = ({ pageToken }) =>
      pageToken === ""
        ? { consumers: [status()], nextPageToken: "p" }
        : { consumers: [status({}, create(ConsumerSchema, { name: "all", allModules: true, paused: true }))] };
    expect((await cos("consumers", { listConsumers })).stdout).toBe(
      [
        "NAME  STATE   MODULES  KEY      MEMBERS    LAG  IN HAND  RESTING  WAITING  DEAD",
        "c             a b      session        0  1,234        0        0        0     2",
        "all   paused  (all)    module         0  1,234        0        0        0     2",
        "",
      ].join("\n"),
    );
    expect((await cos("consumers ls --json", { listConsumers })).stdout.trim().split("\n")).toHaveLength(2);
    expect((await cos("consumers ls", { listConsumers: () => ({}) })).stderr).toContain("there are none");
  });

  test("one, with its places and members", async () => {
    const places = [{ settled: { module: "a", position: 3n }, read: 5n, head: 9n }];
    const members = [{ name: "m", principal: "owner", inFlight: 4n }];
    const getConsumer: Handlers["getConsumer"] = () => ({ status: status({ places, members }) });
    const { stdout } = await cos("consumers show c", { getConsumer });
    expect(stdout).toMatch(/filter +type=diary\.\* source=me session=s tag=t\n/);
    expect(stdout).toMatch(/lease +90s\nattempts +5, resting 200ms\.\.1h\n/);
    expect(stdout).toMatch(/MODULE +SETTLED +READ +HEAD\na +3 +5 +9\n/);
    expect(stdout).toMatch(/MEMBER +AS +IN HAND\nm +owner +4\n/);
    const bare = await cos("consumers show c", { getConsumer: () => ({ status: { consumer: { paused: true } } }) });
    expect(bare.stdout).toMatch(/state +paused/);
    expect(await cos("consumers show c", { getConsumer: () => ({}) })).toMatchObject({ exitCode: 3 });
    expect(JSON.parse((await cos("consumers show c --json", { getConsumer })).stdout)).toMatchObject({ lag: "1234" });
  });
});

describe("update, pause, resume and seek", () => {
  test("name what they change", async () => {
    const asked: UpdateConsumerRequest[] = [];
    const updateConsumer: Handlers["updateConsumer"] = (request) => {
      asked.push(request);
      return { consumer: request.consumer! };
    };
    expect((await cos("consumers update c --lease 1m --backoff 1s", { updateConsumer })).stdout).toBe("updated c\n");
    expect((await cos("consumers pause c", { updateConsumer })).stdout).toBe("paused c\n");
    expect(JSON.parse((await cos("consumers resume c --json", { updateConsumer })).stdout)).toEqual({ name: "c" });
    expect(asked.map(({ updateMask }) => updateMask?.paths)).toEqual([
      ["lease", "backoff_initial"],
      ["paused"],
      ["paused"],
    ]);
    expect(asked.map(({ consumer }) => consumer?.paused)).toEqual([false, true, false]);
    expect(await cos("consumers update c")).toMatchObject({ exitCode: 2 });
  });

  test("seek to a place", async () => {
    const asked: SeekConsumerRequest[] = [];
    const handlers: Handlers = {
      seekConsumer: (request) => {
        asked.push(request);
        return { cursors: [{ module: "a", position: 4n }] };
      },
      getConsumer: () => ({ status: status({ places: [{ settled: { module: "a" } }, { settled: { module: "b" } }] }) }),
    };
    expect((await cos("consumers seek c beginning", handlers)).stdout).toBe("c goes on in a with position 5\n");
    await cos("consumers seek c end", handlers);
    await cos("consumers seek c 2026-01-01", handlers);
    expect(JSON.parse((await cos("consumers seek c a/5 --json", handlers)).stdout)).toMatchObject({ cursors: [{}] });
    expect(asked.map(({ to }) => to.case)).toEqual(["beginning", "end", "time", undefined]);
    expect(asked[3]?.cursors).toMatchObject([{ module: "a", position: 4n }]);
    expect(await cos("consumers seek c 5", handlers)).toMatchObject({ exitCode: 2 });
  });
});

describe("delete", () => {
  const handlers: Handlers = { getConsumer: () => ({ status: status() }), deleteConsumer: () => ({ deadLetters: 2n }) };

  test("asks, after saying what goes with it", async () => {
    const yes = await cos("consumers delete c", handlers, { isTTY: true, stdin: "y\n" });
    expect(yes).toMatchObject({ exitCode: 0, stdout: "deleted c and 2 dead letters\n" });
    expect(yes.stderr).toContain("0 members at work, 2 dead letters");
    const no = await cos("consumers delete c", handlers, { isTTY: true, stdin: "n\n" });
    expect(no).toMatchObject({ exitCode: 1, stdout: "" });
    expect(await cos("consumers delete c", handlers)).toMatchObject({ exitCode: 2 });
    expect(JSON.parse((await cos("consumers delete c --yes --json", handlers)).stdout)).toEqual({
      name: "c",
      deadLetters: "2",
    });
  });
});

describe("dead letters", () => {
  const letters = [1, 2, 3, 4, 5, 6, 7].map((position) => letter(position, `no\n${position}`));
  const listDeadLetters: Handlers["listDeadLetters"] = ({ pageToken }) =>
    pageToken === "" ? { deadLetters: letters.slice(0, 4), nextPageToken: "p" } : { deadLetters: letters.slice(4) };

  test("are listed and shown", async () => {
    const { stdout } = await cos("dead-letters ls c", { listDeadLetters });
    expect(stdout).toMatch(
      /^PLACE +TRIED +WHY +SINCE +ERROR\na\/1 +1 +parked .* no 1\na\/2 +2 +members lost .*\na\/3 /,
    );
    expect((await cos("dead-letters ls c --json", { listDeadLetters })).stdout.trim().split("\n")).toHaveLength(7);
    expect((await cos("dead-letters ls c", { listDeadLetters: () => ({}) })).stderr).toContain("there are none");
    const shown = await cos("dead-letters show c a/5", { listDeadLetters });
    expect(shown.stdout).toMatch(/why +parked\ntried +5 times\n(?:.*\n)*error +no 5\n(?:.*\n)*what it said/);
    expect((await cos("dead-letters show c a/1", { listDeadLetters })).stdout).toMatch(/tried +once/);
    expect(JSON.parse((await cos("dead-letters show c a/5 --json", { listDeadLetters })).stdout)).toMatchObject({
      attempts: 5,
    });
    expect(await cos("dead-letters show c b/5", { listDeadLetters })).toMatchObject({ exitCode: 3 });
    expect(await cos("dead-letters show c b-5")).toMatchObject({ exitCode: 2 });
  });

  test("are replayed until none is left", async () => {
    const asked: (DeadLetterSelector | undefined)[] = [];
    const answers = [{ replayed: 1000n, remaining: 7n }, { replayed: 7n }, { replayed: 0n, remaining: 1n }, {}, {}];
    const replayDeadLetters: Handlers["replayDeadLetters"] = ({ selector }) => {
      asked.push(selector);
      return answers.shift()!;
    };
    expect((await cos("dead-letters replay c --all", { replayDeadLetters })).stdout).toBe(
      "replayed 1,007 dead letters\n",
    );
    expect((await cos("dead-letters replay c --module a", { replayDeadLetters })).stdout).toBe(
      "there was nothing to replay\n",
    );
    expect(await cos("dead-letters replay c a/1 a/2 --json", { replayDeadLetters })).toMatchObject({ exitCode: 3 });
    expect(asked.map((each) => each?.which.case)).toEqual(["all", "all", "module", "places"]);
    expect(await cos("dead-letters replay c")).toMatchObject({ exitCode: 2 });
    expect(await cos("dead-letters replay c a/1 --all")).toMatchObject({ exitCode: 2 });
  });

  test("are purged by their number: the one that is given, or the one that was shown", async () => {
    const counts: bigint[] = [];
    const purgeDeadLetters: Handlers["purgeDeadLetters"] = ({ count }) => {
      counts.push(count);
      return { purged: count };
    };
    const handlers = { purgeDeadLetters, listDeadLetters };
    const asking = { isTTY: true, stdin: "y\n" };
    expect((await cos("dead-letters purge c --all --count 3", handlers)).stdout).toBe("purged 3 dead letters\n");
    const all = await cos("dead-letters purge c --module a", handlers, asking);
    expect(all.stderr).toMatch(/7 dead letters of c to throw away, such as:/);
    await cos("dead-letters purge c a/2 b/2 --json", handlers, asking);
    expect(counts).toEqual([3n, 7n, 1n]);
    const no = await cos("dead-letters purge c --all", handlers, { isTTY: true, stdin: "n\n" });
    expect(no).toMatchObject({ exitCode: 1, stdout: "" });
    const none = await cos("dead-letters purge c --all", { listDeadLetters: () => ({}) }, asking);
    expect(none.stdout).toBe("there was nothing to purge\n");
    expect(await cos("dead-letters purge c --all", handlers)).toMatchObject({ exitCode: 2 });
  });
});

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
