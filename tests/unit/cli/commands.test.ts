import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ListMemoriesOrder } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type RunOptions, run } from "./support/run.ts";

function memory(position: number, extra: Partial<Memory> = {}): Memory {
  return create(MemorySchema, {
    id: "01a20898-8cb1-704a-9f47-0138eddf1d8b",
    module: "cc",
    position: BigInt(position),
    eventType: "note",
    source: "me",
    text: `text ${position}`,
    recordedAt: timestampFromMs(1_800_000_000_000),
    ...extra,
  } as never);
}

const parsed = (stdout: string): JsonObject[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);

describe("record", () => {
  test("a text, with what the options say", async () => {
    const fake = new FakeConductor();
    const argv = [
      "record",
      "Up betimes",
      "--tag",
      "diary",
      "--tag",
      "sea",
      "--session",
      "s1",
      "--occurred",
      "1660-01-11",
    ];
    const more = ["--type", "diary.entry", "--source", "Samuel Pepys", "--payload", '{"pages":2}', "--key", "k"];
    const ran = await run([...argv, ...more], { transport: fake.transport() });
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toBe("recorded cc/1  00000000-0000-7000-8000-000000000001\n");
    expect(toJson(MemorySchema, fake.all("cc")[0]!)).toMatchObject({
      module: "cc",
      eventType: "diary.entry",
      source: "Samuel Pepys",
      text: "Up betimes",
      occurredAt: "1660-01-11T00:00:00Z",
      sessionId: "s1",
      tags: ["diary", "sea"],
      payload: { pages: 2 },
    });
    const again = await run([...argv, ...more], { transport: fake.transport() });
    expect(again.stdout).toMatch(/^already there: cc\/1 /);
  });

  test("from standard input, as a note of the user, for programs", async () => {
    const fake = new FakeConductor();
    const ran = await run(["record", "-", "--json"], { transport: fake.transport(), stdin: "two\nlines\n" });
    expect(parsed(ran.stdout)[0]).toMatchObject({
      memory: { text: "two\nlines", source: "samuel", eventType: "note" },
    });
  });

  test("a payload alone; nothing at all is refused without asking anybody", async () => {
    const fake = new FakeConductor();
    expect((await run(["record", "--payload", "{}"], { transport: fake.transport() })).exitCode).toBe(0);
    const nothing = await run(["record"]);
    expect(nothing).toMatchObject({ exitCode: 2, stdout: "", addresses: [] });
    expect(nothing.stderr).toMatch(/nothing to record/);
  });

  test("twice without a key is recorded twice", async () => {
    const fake = new FakeConductor();
    for (let index = 0; index < 2; index += 1) await run(["record", "x"], { transport: fake.transport() });
    expect(fake.all("cc")).toHaveLength(2);
  });

  const later = (): ConnectError =>
    new ConnectError("PostgreSQL does not answer", Code.Unavailable, undefined, [
      { desc: ErrorInfoSchema, value: { reason: "ENGINE_UNAVAILABLE", domain: "cos" } },
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 0n, nanos: 1_000_000 } } },
    ]);

  test("a server that asks to try again is asked again", async () => {
    const fake = new FakeConductor();
    let refusals = 2;
    fake.mischief.refuses = () => (refusals-- > 0 ? later() : undefined);
    expect((await run(["record", "x"], { transport: fake.transport() })).exitCode).toBe(0);
  });

  test("a fault that no waiting mends is told at once", async () => {
    const fake = new FakeConductor();
    let calls = 0;
    fake.mischief.refuses = () => {
      calls += 1;
      const details = [{ desc: ErrorInfoSchema, value: { reason: "MODULE_RETIRED", domain: "cos" } }];
      return new ConnectError("cc is retired", Code.FailedPrecondition, undefined, details);
    };
    expect(await run(["record", "x"], { transport: fake.transport() })).toMatchObject({
      exitCode: 1,
      stderr: "cos: cc is retired\n",
    });
    expect(calls).toBe(1);
  });

  test("and one that goes on asking is told of", async () => {
    const fake = new FakeConductor();
    fake.mischief.refuses = later;
    const ran = await run(["record", "x"], { transport: fake.transport() });
    expect(ran).toMatchObject({ exitCode: 4, stderr: "cos: PostgreSQL does not answer\n" });
  });
});

describe("get", () => {
  test("by place, with all its fields and its text as it is", async () => {
    const fake = new FakeConductor();
    await run(["record", "first line\n\tsecond \u001b[31mline", "--tag", "a", "--tag", "b"], {
      transport: fake.transport(),
    });
    const ran = await run(["get", "cc/1"], { transport: fake.transport() });
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toMatch(/^id {12}00000000-0000-7000-8000-000000000001\nplace {9}cc\/1\ntype {10}note\n/);
    expect(ran.stdout).toMatch(/\ntags {10}a, b\n/);
    expect(ran.stdout).toMatch(/\n\nfirst line\n {4}second \[31mline\n$/);
  });

  test("who recorded it is shown", async () => {
    const fake = new FakeConductor();
    fake.memories.get("cc")?.push(memory(1, { recordedBy: "editor-bot" }));
    expect((await run(["get", "cc/1"], { transport: fake.transport() })).stdout).toContain(
      "\nrecorded by   editor-bot\n",
    );
  });

  test("by id, for programs", async () => {
    const fake = new FakeConductor();
    await run(["record", "x"], { transport: fake.transport() });
    const ran = await run(["get", "00000000-0000-7000-8000-000000000001", "--json"], { transport: fake.transport() });
    expect(parsed(ran.stdout)[0]).toMatchObject({ module: "cc", position: "1", text: "x" });
  });

  test("a prompt and its answer, a payload, no text", async () => {
    const fake = new FakeConductor();
    const line = {
      ...{ source: "me", event_type: "chat", payload: { pages: 2 }, payload_type: "a.B", session_id: "s" },
      prompt_trace: { prompt: "who?", response: "me", model: "m1" },
    };
    await run(["import", "-"], { transport: fake.transport(), stdin: JSON.stringify(line) });
    const { stdout } = await run(["get", "cc/1"], { transport: fake.transport() });
    const shown = Object.fromEntries(stdout.split("\n").map((row) => [row.slice(0, 13).trim(), row.slice(14)]));
    expect(shown).toMatchObject({
      payload: '{"pages":2}',
      "payload type": "a.B",
      prompt: "who?",
      response: "me",
      model: "m1",
    });
    expect(stdout).not.toContain("\n\n");
  });

  test("what is not there is 3, what is no id at all is 2", async () => {
    const fake = new FakeConductor();
    expect(await run(["get", "cc/9"], { transport: fake.transport() })).toMatchObject({
      exitCode: 3,
      stderr: "cos: there is no such memory\n",
    });
    expect(await run(["get", "nonsense"])).toMatchObject({
      exitCode: 2,
      stderr: "cos: nonsense is neither an id nor a place such as pepys/1\n",
    });
    expect((await run(["get", "cc/0"])).exitCode).toBe(2);
  });
});

describe("list", () => {
  test("one line each, as wide as the terminal", async () => {
    const fake = new FakeConductor();
    const text = "Jan. 1st (Lord’s day). This morning I rose, put on my suit with great skirts";
    await run(["record", text, "--occurred", "1660-01-11"], { transport: fake.transport() });
    const piped = await run(["list"], { transport: fake.transport() });
    expect(piped.stdout).toBe(`1660-01-11  cc/1  note  samuel  ${text}\n`);
    const shown = await run(["list"], {
      transport: fake.transport(),
      isTTY: true,
      columns: 60,
      env: { NO_COLOR: "1" },
    });
    expect(shown.stdout).toBe("1660-01-11  cc/1  note  samuel  Jan. 1st (Lord’s day). This…\n");
    expect(shown.stdout.length).toBe(61);
    const coloured = await run(["list"], { transport: fake.transport(), isTTY: true });
    expect(coloured.stdout.startsWith("\u001b[36m1660-01-11\u001b[39m")).toBe(true);
  });

  test("what filters, ranges and order say", async () => {
    const fake = new FakeConductor();
    const filters = ["--type", "diary.*", "--type", "note", "--source", "a", "--session", "s", "--tag", "t"];
    const ranges = ["--since", "1660-01-01", "--until", "1660-02-01", "--recorded-since", "2026-01-01"];
    const argv = ["list", "--module", "pepys", "--order", "occurred-desc", "--limit", "7", ...filters, ...ranges];
    expect((await run(argv, { transport: fake.transport() })).exitCode).toBe(0);
    const [request] = fake.listRequests;
    expect(request).toMatchObject({ module: "pepys", pageSize: 7, order: ListMemoriesOrder.OCCURRED_DESCENDING });
    expect(toJson(FilterSchema, request!.filter!)).toEqual({
      eventTypes: ["diary.*", "note"],
      sources: ["a"],
      sessionIds: ["s"],
      tags: ["t"],
      occurred: { since: "1660-01-01T00:00:00Z", until: "1660-02-01T00:00:00Z" },
      recorded: { since: "2026-01-01T00:00:00Z" },
    });
  });

  test("page after page, short and empty ones too, up to the limit", async () => {
    const fake = new FakeConductor();
    fake.pages = [[memory(1)], [], [memory(2), memory(3)], [memory(4)]];
    const three = await run(["list", "--limit", "3", "--json"], { transport: fake.transport() });
    expect(parsed(three.stdout).map(({ position }) => position)).toEqual(["1", "2", "3"]);
    expect(fake.listRequests.map(({ pageSize }) => pageSize)).toEqual([3, 2, 2]);
    const all = await run(["list", "--limit", "all", "--json"], { transport: fake.transport() });
    expect(parsed(all.stdout)).toHaveLength(4);
    expect(fake.listRequests.at(-1)).toMatchObject({ pageSize: 1000, pageToken: "3" });
    const one = await run(["list", "--limit", "2"], { transport: fake.transport() });
    expect(one.stdout.split("\n")).toHaveLength(3);
  });

  test("who recorded a memory is said where there is room and it is somebody of note", async () => {
    const fake = new FakeConductor();
    const by = ["editor-bot", "local", "owner", "me", ""];
    fake.pages = [by.map((recordedBy, n) => memory(n + 1, { recordedBy }))];
    const listed = async (options: RunOptions): Promise<string[]> =>
      (await run(["list"], { transport: fake.transport(), ...options })).stdout.split("\n").slice(0, -1);
    const piped = await listed({});
    expect(piped[0]).toBe("2027-01-15 08:00:00Z  cc/1  note  me  by editor-bot  text 1");
    expect(piped.slice(1).join()).not.toContain("by ");
    const env = { NO_COLOR: "1" };
    expect((await listed({ isTTY: true, columns: 120, env }))[0]).toBe(piped[0]);
    expect((await listed({ isTTY: true, columns: 119, env }))[0]).toBe("2027-01-15 08:00:00Z  cc/1  note  me  text 1");
  });

  test("a memory shows what it has: text, prompt, payload, or that it was forgotten", async () => {
    const fake = new FakeConductor();
    const forgottenAt = timestampFromMs(0);
    fake.pages = [
      [
        memory(1, { text: "", promptTrace: { prompt: "who?" } as never }),
        memory(2, { text: "", payload: { a: 1 } }),
        memory(3, { text: "", source: "", forgottenAt }),
        memory(4, { text: "" }),
        memory(5, { text: "a\u0000b\u202ec\n  d" }),
      ],
    ];
    const { stdout } = await run(["list"], { transport: fake.transport() });
    expect(stdout.split("\n")).toEqual([
      "2027-01-15 08:00:00Z  cc/1  note  me  who?",
      '2027-01-15 08:00:00Z  cc/2  note  me  {"a":1}',
      "2027-01-15 08:00:00Z  cc/3  note  (forgotten)",
      "2027-01-15 08:00:00Z  cc/4  note  me",
      "2027-01-15 08:00:00Z  cc/5  note  me  abc d",
      "",
    ]);
  });
});

describe("failures", () => {
  const refusing = (error: ConnectError): FakeConductor => {
    const fake = new FakeConductor();
    fake.mischief.refuses = () => error;
    return fake;
  };
  const get = (error: ConnectError): Promise<{ exitCode: number; stderr: string }> =>
    run(["get", "cc/1"], {
      transport: refusing(error).transport(),
      env: { COS_CONDUCTOR_ADDRESS: "cos.example:1234" },
    });

  test("nobody there: what to do, and where it was looked for", async () => {
    const refused = new ConnectError("No connection established. Last error: connect ECONNREFUSED", Code.Unavailable);
    expect(await get(refused)).toMatchObject({
      exitCode: 4,
      stderr: "cos: no COS at cos.example:1234: start it with `npm start`\n",
    });
  });

  test("gone in the middle: the call may have been carried out", async () => {
    const { exitCode, stderr } = await get(new ConnectError("Connection dropped", Code.Unavailable));
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(
      /the connection to COS at cos\.example:1234 was lost, whether or not .*: Connection dropped/,
    );
  });

  test("an engine away: what the server says", async () => {
    const details = [{ desc: ErrorInfoSchema, value: { reason: "ENGINE_UNAVAILABLE", domain: "cos" } }];
    const error = new ConnectError("PostgreSQL does not answer", Code.Unavailable, undefined, details);
    expect(await get(error)).toMatchObject({ exitCode: 4, stderr: "cos: PostgreSQL does not answer\n" });
  });

  test("a field at fault is named", async () => {
    const value = { fieldViolations: [{ field: "memory.tags[3]", description: "too long" }] };
    const error = new ConnectError("bad", Code.InvalidArgument, undefined, [{ desc: BadRequestSchema, value }]);
    expect(await get(error)).toMatchObject({ exitCode: 2, stderr: "cos: --tag (number 4): too long\n" });
  });

  test("a fault of the mesh comes with its request id, once", async () => {
    const value = { reason: "INTERNAL", domain: "cos", metadata: { request_id: "r-17" } };
    const error = (message: string): ConnectError =>
      new ConnectError(message, Code.Internal, undefined, [{ desc: ErrorInfoSchema, value }]);
    expect((await get(error("internal error"))).stderr).toBe("cos: internal error (request r-17)\n");
    expect((await get(error("internal error; request r-17"))).stderr).toBe("cos: internal error; request r-17\n");
    const bare = new ConnectError("odd", Code.Unknown, { "x-request-id": "r-18" });
    expect((await get(bare)).stderr).toBe("cos: odd (request r-18)\n");
    expect((await get(new ConnectError("odd", Code.Unknown))).stderr).toBe("cos: odd\n");
  });

  test("anything else is 1, with what was said", async () => {
    expect(await get(new ConnectError("not for you", Code.PermissionDenied))).toMatchObject({
      exitCode: 1,
      stderr: "cos: not for you\n",
    });
  });
});
