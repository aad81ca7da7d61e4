import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { PrincipalKind, PrincipalSchema, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService, RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { lineItems } from "#services/cli/import/line-items.ts";
import { planLines } from "#services/cli/import/plan-lines.ts";
import type { Item } from "#services/cli/import/record-items.ts";
import { runImport } from "#services/cli/import/run-import.ts";
import { openSource } from "#services/cli/import/source-bytes.ts";
import { Output } from "#services/cli/output/output.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { run, Sink } from "./support/run.ts";

let folder = "";
let fake = new FakeConductor();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-import-"));
  fake = new FakeConductor();
});
afterEach(() => rm(folder, { recursive: true }));

const line = (index: number): string => JSON.stringify({ source: "me", event_type: "note", text: `text ${index}` });
const lines = (count: number): string[] => Array.from({ length: count }, (_, index) => line(index + 1));
const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `text ${index + 1}`);

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const cos = (argv: string[], options = {}): ReturnType<typeof run> =>
  run(["import", ...argv], { transport: fake.transport(), ...options });

describe("where lines come from", () => {
  test("a file, into a module that is registered if it is new", async () => {
    const path = await file("a.jsonl", lines(250).join("\n"));
    const first = await cos([path, "--module", "diary"]);
    expect(first).toMatchObject({
      exitCode: 0,
      stdout: "a.jsonl: 250 recorded, 0 already there, 0 failed\n",
      stderr: "cos: module diary registered\n",
    });
    expect(fake.texts("diary")).toEqual(texts(250));
    const again = await cos([path, "--module", "diary"]);
    expect(again).toMatchObject({ stdout: "a.jsonl: 0 recorded, 250 already there, 0 failed\n", stderr: "" });
  });

  test("the same file packed is the same file", async () => {
    await cos([await file("a.jsonl", lines(9).join("\n"))]);
    const packed = await cos([await file("a.jsonl.gz", gzipSync(lines(9).join("\n")))]);
    expect(packed.stdout).toMatch(/0 recorded, 9 already there/);
  });

  test("standard input, line by line as it comes", async () => {
    const stdin = new PassThrough();
    const done = cos(["-", "--json"], { stdin });
    for (let index = 1; index <= 3; index += 1) {
      stdin.write(`${line(index)}\n`);
      while (fake.all("cc").length < index) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    stdin.end(line(4));
    const { exitCode, stdout } = await done;
    expect({ exitCode, counts: JSON.parse(stdout) }).toEqual({
      exitCode: 0,
      counts: { recorded: 4, alreadyThere: 0, failed: 0 },
    });
  });

  test("lines that name modules of their own have each registered", async () => {
    const named = ["a", "b", "a", "cc"].map((module) => JSON.stringify({ ...JSON.parse(line(1)), module }));
    const { stderr } = await cos([await file("f", named.join("\n"))]);
    expect(stderr).toBe("cos: module a registered\ncos: module b registered\n");
    expect([fake.all("a").length, fake.all("b").length, fake.all("cc").length]).toEqual([2, 1, 1]);
  });

  test("a pipe has no size: what is read is not measured against it", async () => {
    const source = await openSource("/dev/null", new PassThrough());
    expect(source.size).toBeUndefined();
    const text = await openSource("-", Readable.from(["é\n"]));
    const read: Buffer[] = [];
    for await (const chunk of text.bytes) read.push(chunk);
    expect([Buffer.concat(read).toString(), text.read()]).toEqual(["é\n", 3]);
    await expect(openSource("/dev/null/x", new PassThrough())).rejects.toThrow(/ENOTDIR/);
  });

  test("no such file, or a folder, is 2", async () => {
    await mkdir(join(folder, "repo"));
    expect(await cos([join(folder, "nope")])).toMatchObject({ exitCode: 2, addresses: [] });
    const { exitCode, stderr } = await cos([join(folder, "repo")]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/is a folder: for a git repository type `cos import git /);
  });

  test("--batch says how many go into a message", async () => {
    await cos([await file("f", `${lines(20).join("\n")}\n`), "--batch", "7"]);
    expect(fake.bulkSizes).toEqual([7, 7, 6]);
    await cos([await file("g", `${lines(20).join("\n")}\n`), "--batch", "99999"]);
    expect(fake.bulkSizes.at(-1)).toBe(20);
  });
});

describe("a broken line", () => {
  const broken = [...lines(3), "{oops", ...lines(6).slice(3)].join("\n");

  test("stops the import there, and is named by its number", async () => {
    const { exitCode, stdout, stderr } = await cos([await file("f.jsonl", broken)]);
    expect(exitCode).toBe(1);
    expect(stdout).toBe("f.jsonl: 3 recorded, 0 already there, 1 failed\n");
    expect(stderr).toMatch(/^f\.jsonl: line 4: not JSON: /);
    expect(fake.texts("cc")).toEqual(texts(3));
  });

  test("is passed over with --on-error skip", async () => {
    const { exitCode, stdout } = await cos([await file("f.jsonl", broken), "--on-error", "skip"]);
    expect(exitCode).toBe(1);
    expect(stdout).toBe("f.jsonl: 6 recorded, 0 already there, 1 failed\n");
    expect(fake.texts("cc")).toEqual(texts(6));
  });

  test("of a module that cannot be is named like any other, and the others are recorded", async () => {
    const named = lines(5).map((text, index) =>
      JSON.stringify({ ...JSON.parse(text), module: index === 2 ? "B C" : "b" }),
    );
    fake.mischief.refusesName = (name) => name === "B C";
    const path = await file("f.jsonl", named.join("\n"));
    const skipped = await cos([path, "--on-error", "skip"]);
    expect(skipped).toMatchObject({ exitCode: 1, stdout: "f.jsonl: 4 recorded, 0 already there, 1 failed\n" });
    expect(skipped.stderr).toBe("cos: module b registered\nf.jsonl: line 3: memory.module: no such name\n");
    const stopped = await cos([path]);
    expect(stopped).toMatchObject({ exitCode: 1, stderr: "f.jsonl: line 3: memory.module: no such name\n" });
  });

  test("whose module cannot be asked for ends the import: the server is away", async () => {
    let calls = 0;
    fake.mischief.refuses = () => {
      calls += 1;
      return calls > 1 ? new ConnectError("gone", Code.Unavailable) : undefined;
    };
    const path = await file("f.jsonl", JSON.stringify({ ...JSON.parse(line(1)), module: "b" }));
    const { exitCode, stderr } = await cos([path, "--on-error", "skip"]);
    expect({ exitCode, calls }).toEqual({ exitCode: 4, calls: 2 });
    expect(stderr).toMatch(/gone/);
  });

  test("that the server finds is named alike, with its field", async () => {
    fake.mischief.faultOf = ({ memory }) =>
      memory?.text === "text 2"
        ? {
            code: Code.InvalidArgument,
            reason: "INVALID_FIELD",
            message: "memory.text: too\nlong",
            field: "memory.text",
          }
        : undefined;
    const path = await file("f.jsonl", lines(4).join("\n"));
    const skipped = await cos([path, "--on-error", "skip"]);
    expect(skipped.stderr).toBe("f.jsonl: line 2: memory.text: too long\n");
    expect(skipped.stdout).toMatch(/3 recorded, 0 already there, 1 failed/);
    const json = await cos([path, "--on-error", "skip", "--json"]);
    expect(json.stdout.split("\n").map((each) => (each === "" ? "" : JSON.parse(each)))).toEqual([
      { fault: { item: "line 2", field: "memory.text", message: "memory.text: too\nlong" } },
      { recorded: 0, alreadyThere: 3, failed: 1 },
      "",
    ]);
    const stopped = await cos([path]);
    expect(stopped.exitCode).toBe(1);
  });

  test("that the server finds stops the import: nothing more is read", async () => {
    fake.mischief.faultOf = () => ({ code: Code.InvalidArgument, reason: "INVALID_FIELD", message: "too long" });
    const stdin = new PassThrough();
    stdin.write(`${line(1)}\n`);
    // Standard input is never closed, so the import ends only because it stops.
    expect(await cos(["-"], { stdin })).toMatchObject({ exitCode: 1, stderr: "stdin: line 1: too long\n" });
  });

  test("of many the first are shown, the rest is counted", async () => {
    const { stdout, stderr } = await cos([await file("f", "x\n".repeat(30)), "--on-error", "skip"]);
    expect(stdout).toMatch(/30 failed/);
    expect(stderr.trimEnd().split("\n")).toHaveLength(21);
    expect(stderr).toMatch(/more faults are counted, not shown/);
  });

  test("too large for a call is found before it is sent", async () => {
    const plan = planLines({ fileName: "f", source: "s", eventType: "t" });
    const faults: string[] = [];
    async function* read() {
      yield [
        { number: 1, text: JSON.stringify({ text: "x".repeat(4 * 1024 * 1024) }) },
        { number: 2, text: JSON.stringify({ text: "x".repeat(2 * 1024 * 1024) }) },
      ];
    }
    const kept: string[] = [];
    for await (const group of lineItems(read(), plan, (name, { message }) => faults.push(`${name}: ${message}`) > 0)) {
      kept.push(...group.map(({ name }) => name));
    }
    expect(kept).toEqual(["line 2"]);
    expect(faults[0]).toMatch(/^line 1: \d+ bytes are more than a call may have/);
  });

  test("a fault of ours is not taken for one of the line", async () => {
    async function* read() {
      yield [{ number: 1, text: line(1) }];
    }
    const plan = { ...planLines({ fileName: "f" }), fieldsOf: undefined as never };
    await expect(lineItems(read(), plan, () => true).next()).rejects.toThrow(TypeError);
  });

  test("a gzip file that is cut off: what was read before is recorded", async () => {
    const packed = gzipSync(lines(5000).join("\n"));
    const { exitCode, stdout, stderr } = await cos([await file("f.gz", packed.subarray(0, packed.length - 20))]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/the gzip data is damaged or cut off/);
    expect(stdout).toMatch(/f\.gz: [\d,]+ recorded/);
  });
});

describe("interrupted and repeated, nothing is recorded twice", () => {
  test("the server dies at any item: the import goes on by itself", async () => {
    const property = fc.asyncProperty(fc.array(fc.nat(40), { maxLength: 3 }), async (deaths) => {
      fake = new FakeConductor();
      const left = [...deaths];
      fake.mischief.breaksUnanswered = (index) => index === left[0] && left.shift() !== undefined;
      const { exitCode, stdout } = await cos([await file("f", lines(60).join("\n")), "--batch", "9"]);
      expect(exitCode).toBe(0);
      // What was recorded without an answer counts as recorded, since this run did it.
      expect(stdout).toBe("f: 60 recorded, 0 already there, 0 failed\n");
      expect(fake.texts("cc")).toEqual(texts(60));
    });
    await fc.assert(property, { numRuns: 8 });
  });

  test("the loss and the return are told, with the line that it goes on from", async () => {
    let alive = true;
    fake.mischief.breaksBefore = (index) => {
      const dies = alive && index === 5;
      if (dies) alive = false;
      return dies;
    };
    const { stderr } = await cos([await file("f", lines(9).join("\n"))]);
    expect(stderr).toBe(
      "cos: connection lost (the process went away): trying again from line 6\ncos: connected again: going on\n",
    );
  });

  test("a stream that the server ends without a word is lost too", async () => {
    const property = { ends: true };
    fake.mischief.breaksBefore = (index) => {
      if (index !== 3 || !property.ends) return false;
      property.ends = false;
      throw new ConnectError("", Code.Unavailable);
    };
    const { exitCode, stderr } = await cos([await file("f", lines(9).join("\n"))]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/trying again from line 1\n/);
  });

  test("Ctrl-C: the counts, how to go on, 130; and the same command finishes the work", async () => {
    const controller = new AbortController();
    const stdin = new PassThrough();
    stdin.write(`${line(1)}\n${line(2)}\n`);
    const done = cos(["-"], { stdin, signal: controller.signal });
    while (fake.all("cc").length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    controller.abort();
    expect(await done).toMatchObject({
      exitCode: 130,
      stdout: "stdin: 2 recorded, 0 already there, 0 failed\n",
      stderr: "cos: stopped: type the same command again to go on, nothing is recorded twice\n",
    });
    const again = await cos(["-"], { stdin: lines(3).join("\n") });
    expect(again.stdout).toBe("stdin: 1 recorded, 2 already there, 0 failed\n");
  });

  test("Ctrl-C while the server is away ends too", async () => {
    const controller = new AbortController();
    fake.mischief.breaksBefore = () => true;
    const onStderr = (text: string): void => (text.includes("connection lost") ? controller.abort() : undefined);
    const ran = await cos([await file("f", line(1))], { signal: controller.signal, onStderr });
    expect(ran.exitCode).toBe(130);
  });
});

test("Ctrl-C waits for answers that never come only so long", async () => {
  const controller = new AbortController();
  fake.mischief.stalls = () => controller.abort();
  const [stdout, stderr] = [new Sink(), new Sink()];
  const terminal = { stdin: new PassThrough(), stdout, stderr, env: {}, signal: controller.signal } as never;
  const [out, err] = [new Output(stdout, {}), new Output(stderr, {})];
  const cli = {
    terminal,
    out,
    err,
    service: "conductor" as const,
    address: "",
    tokenSource: undefined,
    showsCertificate: false,
    exitCode: 0,
  };
  const transport = fake.transport();
  const connection = {
    conductor: createClient(ConductorService, transport),
    modules: createClient(ModuleService, transport),
    scratch: createClient(ScratchService, transport),
    highway: createClient(HighwayService, transport),
    auth: createClient(AuthService, transport),
  };
  const memory = { module: "cc", eventType: "note", source: "me", text: "x" };
  const item = { name: "line 1", request: create(RecordMemoryRequestSchema, { memory }), bytes: 1 };
  async function* items(): AsyncGenerator<Item[]> {
    yield [item];
  }
  const source = { name: "f", total: 1, done: () => 1, items };
  const waits = { giveUpAfterMs: 1, lastAnswersMaxMs: 1 };
  expect(await runImport(cli, connection, source, { onError: "stop", batch: 1 }, waits)).toBe(130);
  expect(stdout.text).toBe("f: 0 recorded, 0 already there, 0 failed\n");
});

describe("when the server says no", () => {
  test("nobody there: said at once, and nothing counted", async () => {
    fake.mischief.refuses = () => new ConnectError("connect ECONNREFUSED", Code.Unavailable);
    expect(await cos([await file("f", line(1)), "--module", "a"])).toMatchObject({
      exitCode: 4,
      stdout: "",
      stderr: "cos: no COS at 127.0.0.1:50051: start it with `npm start`\n",
    });
  });

  test("a module that somebody else registers at the same moment is no trouble", async () => {
    let calls = 0;
    fake.mischief.refuses = () => {
      calls += 1;
      if (calls === 2) fake.memories.set("a", []);
      return calls === 2 ? new ConnectError("taken", Code.AlreadyExists) : undefined;
    };
    const { exitCode, stderr } = await cos([await file("f", line(1)), "--module", "a"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("a module that may not be registered is", async () => {
    let calls = 0;
    fake.mischief.refuses = () => (++calls === 2 ? new ConnectError("not for you", Code.PermissionDenied) : undefined);
    expect(await cos([await file("f", line(1)), "--module", "a"])).toMatchObject({
      exitCode: 1,
      stderr: "cos: there is no module a that you may see, and you may not register one: not for you\n",
    });
  });

  const agent = (...grants: { module: string; verb: Verb }[]): void => {
    fake.auth.whoAmI.principal = create(PrincipalSchema, { name: "editor-bot", kind: PrincipalKind.AGENT, grants });
  };

  test("into a module that may only be read nothing is sent", async () => {
    fake.memories.set("pepys", []);
    agent({ module: "pepys", verb: Verb.READ }, { module: "drafts", verb: Verb.RECORD });
    expect(await cos([await file("f", line(1)), "--module", "pepys"])).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: "cos: editor-bot may not record in module pepys: `cos whoami` shows what it may do\n",
    });
    expect(fake.bulkSizes).toEqual([]);
  });

  test("lines may name their modules, if there is one in which something may be recorded", async () => {
    agent({ module: "*", verb: Verb.READ });
    expect(await cos([await file("f", line(1))])).toMatchObject({
      exitCode: 1,
      stderr: "cos: editor-bot may not record anywhere: `cos whoami` shows what it may do\n",
    });
    agent({ module: "cc", verb: Verb.RECORD });
    expect(await cos([await file("f", line(1))])).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe("the progress bar", () => {
  test("is drawn on a terminal only, and taken away at the end", async () => {
    const path = await file("f", lines(300).join("\n"));
    const { stderr } = await cos([path], { isTTY: true });
    expect(stderr).toMatch(/f {2}.*█.*\d+% {2}[\d,]+ memories {2}[\d,]+\/s/);
    expect(stderr.endsWith("\r\u001b[K")).toBe(true);
    expect((await cos([path])).stderr).toBe("");
  });
});
