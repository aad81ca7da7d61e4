import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { Consumer_Key, ConsumerSchema, type DeadLetterSelector } from "#gen/cos/highway/v1/consumers_pb.ts";
import type {
  CreateConsumerRequest,
  SeekConsumerRequest,
  UpdateConsumerRequest,
} from "#gen/cos/highway/v1/highway_service_pb.ts";
import { cos, type Handlers, letter, status } from "./support/some-consumers.ts";

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
