import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { caughtUp, started } from "../highway-client/frames.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { memoryAt, STARTED_MS } from "./support/ledger-rows.ts";
import { Live, recorded, streams } from "./support/live-stream.ts";
import { RunningLedger } from "./support/run-ledger.ts";

const LEAVES = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

let fake: FakeConductor;
beforeEach(() => {
  fake = new FakeConductor();
  fake.memories.set(
    "cc",
    Array.from({ length: 300 }, (_, index) => memoryAt(index + 1)),
  );
});

async function quit(ledger: RunningLedger): Promise<void> {
  ledger.type("q");
  expect(await ledger.ended).toMatchObject({ exitCode: 0, stderr: "" });
}

describe("what is shown", () => {
  test("the newest first, then what is recorded, as it is recorded", async () => {
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/> .*cc\/300 .*text 300\nlive {2}cc {2}at cc\/300 {2}100 rows held/);
    live!.send(recorded(fake, 301));
    await ledger.shows(/cc\/300 .*\n> .*cc\/301 .*\nlive {2}cc {2}at cc\/301 {2}101 rows held/);
    expect(fake.subscribeRequests[0]).toMatchObject({ modules: ["cc"], allModules: false, start: { case: undefined } });
    expect(fake.listRequests[0]).toMatchObject({ module: "cc", order: 2, pageSize: 100 });
    await quit(ledger);
  });

  test("G1: what is recorded before the first page has come is shown once", async () => {
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }), recorded(fake, 301));
    const ledger = new RunningLedger(fake);
    const screen = await ledger.shows(/text 301\n/);
    expect(screen.match(/cc\/301 .*text/g)).toHaveLength(1);
    await ledger.shows(/100 rows held/);
    await quit(ledger);
  });

  test("older ones are read as one comes to them, many of one microsecond too", async () => {
    fake.memories.set(
      "cc",
      Array.from({ length: 300 }, (_, index) => memoryAt(index + 1, { recordedAt: timestampFromMs(STARTED_MS) })),
    );
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/100 rows held/);
    for (const held of [200, 300]) {
      ledger.type("\x1b[H");
      await ledger.shows(new RegExp(`${held} rows held`));
    }
    ledger.type("g");
    await ledger.shows(/> .*cc\/1 /);
    expect(fake.listRequests[1]?.filter?.recorded?.until).toMatchObject({ nanos: 1000 });
    await quit(ledger);
  });

  test("all modules, those registered later included, in the order of recording", async () => {
    fake.memories.set("drafts", [memoryAt(1, { module: "drafts", recordedAt: timestampFromMs(STARTED_MS + 299) })]);
    const [live] = streams(fake);
    live!.send(started({ cc: 300, drafts: 1 }));
    const ledger = new RunningLedger(fake, ["--all"]);
    await ledger.shows(/cc\/299 .*\n.*drafts\/1 .*\n> .*cc\/300 .*\nlive {2}all modules/);
    expect(fake.subscribeRequests[0]).toMatchObject({ modules: [], allModules: true });
    await quit(ledger);
  });

  test("only what the filters let through, told to both the list and the stream", async () => {
    const [live] = streams(fake);
    live!.send(started({ pepys: 0 }));
    fake.memories.set("pepys", []);
    const argv =
      "--module pepys --module pepys --type diary.* --source S --session s --tag a --since 1660-01-01 --until 1661-01-01 --recorded-since 2026-01-01 --recorded-until 2026-02-01";
    const ledger = new RunningLedger(fake, argv.split(" "));
    await ledger.shows(/^Nothing is recorded here yet that fits\./);
    const filter = {
      eventTypes: ["diary.*"],
      sources: ["S"],
      sessionIds: ["s"],
      tags: ["a"],
      occurred: { since: { seconds: -9_782_640_000n } },
      recorded: { since: { seconds: 1_767_225_600n }, until: { seconds: 1_769_904_000n } },
    };
    expect(fake.listRequests[0]).toMatchObject({ module: "pepys", filter });
    expect(fake.subscribeRequests[0]).toMatchObject({ modules: ["pepys"], filter });
    await quit(ledger);
  });

  test("one memory whole, and what it says now if it was forgotten meanwhile", async () => {
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/text 300\n/);
    ledger.type("\r");
    await ledger.shows(/^id {13}cc-300\n[\s\S]*\ntext\ntext 300\n/);
    Object.assign(fake.all("cc")[299]!, { text: "", source: "", forgottenAt: timestampFromMs(STARTED_MS) });
    live!.send(recorded(fake, 301, { eventType: "cos.memory.forgotten", text: "", payload: { ids: ["cc-300"] } }));
    const screen = await ledger.shows(/^forgotten/m);
    expect(screen).not.toMatch(/text 300/);
    ledger.type("q");
    await ledger.shows(/cc\/300 .*\(forgotten\)/);
    await quit(ledger);
  });

  test("a memory that cannot be read leaves the list as it was, and why", async () => {
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/text 300\n/);
    fake.memories.set("cc", []);
    ledger.type("\r");
    await ledger.shows(/there is no such memory$/);
    await quit(ledger);
  });
});

describe("the stream", () => {
  const gone = new ConnectError("the process goes away", Code.Unavailable);

  test("that is lost is asked for again, and the screen says so meanwhile", async () => {
    const [first, second] = streams(fake, 2);
    first!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/^live/m);
    first!.fail(gone);
    await ledger.shows(/^(?:reconnecting|catching up)/m);
    second!.send(started({ cc: 300 }));
    await ledger.shows(/^catching up/m);
    second!.send(recorded(fake, 301), caughtUp({ cc: 301 }));
    await ledger.shows(/cc\/301 .*\nlive/);
    await quit(ledger);
  });

  test("that was never there ends it, with what to do, and the terminal given back first", async () => {
    const ledger = new RunningLedger(fake);
    const { exitCode, stderr } = await ledger.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringMatching(/no COS at .*npm start/) });
    expect(ledger.written.endsWith(LEAVES)).toBe(true);
  });

  test("that the server refuses ends it, with why", async () => {
    const [live] = streams(fake);
    live!.fail(new ConnectError("there is no module nope", Code.NotFound));
    const ledger = new RunningLedger(fake, ["--module", "nope"]);
    expect(await ledger.ended).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/there is no module nope\n$/),
    });
  });

  test("of all modules goes on with less, and shows no more of what may not be read", async () => {
    const [first, second, third] = streams(fake, 3);
    fake.memories.set("drafts", [
      memoryAt(1, { module: "drafts", text: "secret", recordedAt: timestampFromMs(STARTED_MS + 299) }),
    ]);
    first!.send(started({ cc: 300, drafts: 1 }));
    const ledger = new RunningLedger(fake, ["--all"]);
    await ledger.shows(/secret/);
    fake.memories.delete("drafts");
    const value = { reason: "ACCESS_CHANGED", domain: "cos" };
    for (const live of [second, third]) live!.send(started({ cc: 300 }));
    first!.fail(new ConnectError("no", Code.Unauthenticated, undefined, [{ desc: ErrorInfoSchema, value }]));
    const screen = await ledger.shows(/live[\s\S]*what you may read has changed/);
    expect(screen).not.toMatch(/secret/);
    await quit(ledger);
  });

  test("a page that cannot be read is read later", async () => {
    const [live] = streams(fake);
    live!.send(started({ cc: 300 }));
    let calls = 0;
    // The first is the stream; of the pages each fails once.
    fake.mischief.refuses = () => {
      calls += 1;
      return calls === 2 || calls === 4 ? new ConnectError("too many calls", Code.ResourceExhausted) : undefined;
    };
    const ledger = new RunningLedger(fake);
    await ledger.shows(/too many calls$/);
    await ledger.shows(/100 rows held/);
    ledger.type("x");
    await ledger.shows(/\? help/);
    ledger.type("g");
    await ledger.shows(/too many calls$/);
    ledger.type("g");
    await ledger.shows(/199 rows held/);
    await quit(ledger);
  });
});

describe("filters that are typed", () => {
  test("begin anew from the end", async () => {
    const lives = streams(fake, 2);
    for (const live of lives) live.send(started({ cc: 300 }));
    fake.memories.get("cc")!.push(memoryAt(301, { eventType: "letter" }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/cc\/301 /);
    ledger.type("tletter\r");
    await ledger.shows(/1 row held {2}letter/);
    expect(fake.subscribeRequests[1]?.filter?.eventTypes).toEqual(["letter"]);
    await quit(ledger);
  });

  test("that the server refuses are taken back, and it is said why", async () => {
    const [first, second, third] = streams(fake, 3);
    for (const live of [first, third]) live!.send(started({ cc: 300 }));
    second!.fail(new ConnectError("no such type", Code.InvalidArgument));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/100 rows held/);
    ledger.type("tNO\r");
    await ledger.shows(/100 rows held\nno such type$/);
    expect(fake.subscribeRequests[2]?.filter?.eventTypes).toEqual([]);
    await quit(ledger);
  });

  test("while the server is away are asked for until it is there", async () => {
    const [first] = streams(fake);
    first!.send(started({ cc: 300 }));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/100 rows held/);
    ledger.type("tnote\r");
    await ledger.shows(/^(?:connecting|reconnecting)/m);
    const again = new Live().send(started({ cc: 300 }));
    fake.streams = [again.script];
    await ledger.shows(/^live .*note$/m);
    await quit(ledger);
  });

  test("do not keep it alive when even those before are refused", async () => {
    const [first, second] = streams(fake, 2);
    first!.send(started({ cc: 300 }));
    second!.fail(new ConnectError("you may read nothing", Code.PermissionDenied));
    const ledger = new RunningLedger(fake);
    await ledger.shows(/100 rows held/);
    first!.fail(new ConnectError("lost", Code.Unavailable));
    expect(await ledger.ended).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/you may read nothing\n$/) });
  });
});
