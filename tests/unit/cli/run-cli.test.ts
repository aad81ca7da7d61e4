import { Writable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { CliFailure } from "#services/cli/cli-failure.ts";
import { explainError } from "#services/cli/explain-error.ts";
import { formatInstant } from "#services/cli/output/format-instant.ts";
import { oneLine, shorten } from "#services/cli/output/one-line.ts";
import { Output } from "#services/cli/output/output.ts";
import { mostReactions } from "#tests/support/most-reactions.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { run, Sink } from "./support/run.ts";

const COMMANDS = [
  ...[
    "import",
    "tail",
    "record",
    "list",
    "get",
    "graph",
    "memories",
    "whoami",
    "tokens",
    "audit",
    "owner-token",
    "dev-certs",
    "migrate",
  ],
];
const inGraph = (name: string): string => `graph ${name}`;
const SUBCOMMANDS = [
  ...["tokens create", "tokens ls", "tokens rotate", "tokens grant", "tokens revoke"],
  ...["memories forget", "memories forgotten", "audit verify"],
  ...["stats", "search", "show", "path", "between", "export", "watch", "projection", "verify", "rebuild"].map(inGraph),
  ...["add", "add node", "add edge", "edit", "rm", "merge", "split", "aliases"].map(inGraph),
];

describe("help", () => {
  test("names all commands and exit codes, and is no failure", async () => {
    for (const argv of [["--help"], ["help"]]) {
      const { exitCode, stdout, stderr } = await run(argv);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      for (const command of COMMANDS) expect(stdout).toContain(`  ${command} `);
      for (const code of ["0 ", "1 ", "2 ", "3 ", "4 ", "130"]) expect(stdout).toContain(`\n  ${code}`);
    }
  });

  test.each([...COMMANDS, ...SUBCOMMANDS])("%s has examples", async (command) => {
    const { exitCode, stdout } = await run([...command.split(" "), "--help"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`\\nExamples:\\n(.*\\n)*.*cos ${command}.* # `));
  });

  test("without a command it is shown as a mistake", async () => {
    const { exitCode, stderr } = await run([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain("Usage: cos");
  });
});

test("a misspelt address is told before another mesh is asked", async () => {
  const services = { COS_REDIS_URL: "x", COS_HOST: "x", COS_TLS_KEY: "x", COS_TLS_CLIENT_CA: "x" };
  const { stderr } = await run(["get", "cc/1"], { env: { COS_CONDUCTOR_ADRESS: "127.0.0.1:1", ...services } });
  expect(stderr).toContain("cos: COS_CONDUCTOR_ADRESS is not known: did you mean COS_CONDUCTOR_ADDRESS?");
  for (const name of Object.keys(services)) expect(stderr).not.toContain(`${name} is not known`);
});

describe("a wrong option is 2, and named", () => {
  test.each([
    ["tail --from 0", "--from <position>"],
    ["tail --from 1.5", "whole number from 1 on"],
    ["tail --all --module a", "cannot be used with"],
    ["tail --from 1 --from-beginning", "cannot be used with"],
    ["tail --module a --module b --from 3", "--from needs a single module"],
    ["tail --module Bad-Name", "small letters, digits"],
    ["list --since 1660-02-30", "There is no 1660-02-30."],
    ["list --order sideways", "Allowed choices are recorded"],
    ["list --limit none", "whole number"],
    ["record x --payload [1]", "must be a JSON object"],
    ["record x --payload {", "must be a JSON object"],
    ["import f --map a", "must be field=key pairs"],
    ["import f --map =a", "must be field=key pairs"],
    ["import f --on-error explode", "Allowed choices are stop, skip"],
    ["import a b", "one file at a time"],
    ["get x --address nowhere", "must be host:port"],
    ["tokens create --name x --kind robot", "Allowed choices are person, agent, service"],
    ["tokens create --name x", "required option '--kind <kind>'"],
    ["tokens create --kind agent", "required option '--name <name>'"],
    ["tokens create --name x --kind agent --module drafts", "must be module=right, such as drafts=record"],
    ["tokens create --name x --kind agent --module drafts=own", "rights are read, record, approve and admin"],
    ["tokens create --name x --kind agent --expires soon", "must be a length of time, such as 90m"],
    ["tokens grant x", "say which rights: --module module=right, or --none"],
    ["tokens grant x --none --module a=read", "cannot be used with"],
    ["tokens revoke x --id 7", "must be an id"],
    ["tokens sing", "unknown command 'sing'"],
    ["audit --since yesterday", "must be a date"],
    ["audit --since 5y", "must be a length of time"],
    ["audit verify --seal 7", "must be a seal as `cos audit verify` prints it"],
    ["memories forget --session s", "required option '--reason <reason>'"],
    ["memories forget --reason r", "say what to forget"],
    ["memories forget --reason r --session s", "there is nobody to ask: --yes forgets without asking"],
    ["memories forget --reason r --all --yes", "say which, with --module"],
    ["memories forget --reason r --session s --source t", "cannot be used with"],
    ["memories forget --reason r --ledger f --module m", "cannot be used with"],
    ["memories forget --reason r --ledger /dev/null/x --yes", "--ledger /dev/null/x cannot be read: ENOTDIR"],
    ["get x --address a:70000", "must be host:port"],
    ["graph sing", "unknown command 'sing'"],
    ["graph search x --labels Nobody", "must be `all`, or some of Module,Session"],
    ["graph search x --top 101", "must be a whole number from 1 to 100"],
    ["graph path a b --depth 13", "must be a whole number from 1 to 12"],
    ["graph show x --kind Person", "small letters, digits"],
    ["graph between yesterday 1665-12-31", "must be a date"],
    ["graph between 1665-06-01 1665-02-30", "There is no 1665-02-30."],
    ["graph export --format svg", "Allowed choices are graphml, jsonl, dot, mermaid"],
    ["graph add node --kind ship", "required option '--name <name>'"],
    ["graph add node --name x --property Guns=1", "must be name=value"],
    ["graph add node --name x --property guns=", "must be name=value"],
    ["graph add node --name x --label Prompt", "Allowed choices are Entity, Concept"],
    ["graph add edge a b --type CONTAINS", "Allowed choices are RELATES_TO, DEPENDS_ON, REFERENCES"],
    ["graph merge a", "required option '--into <name>'"],
    ["graph merge a --into b --kind ship", "Allowed choices are person, place"],
    ["graph split a", "required option '--name <name>'"],
    ["sing", "unknown command 'sing'"],
    ["recrod x", "Did you mean record?"],
  ])("cos %s", async (line, message) => {
    const { exitCode, stdout, stderr, addresses } = await run(line.split(" "));
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect({ stdout, addresses }).toEqual({ stdout: "", addresses: [] });
  });

  test("and so is a wrong setting", async () => {
    const ran = await run(["get", "cc/1"], { env: { COS_CONDUCTOR_ADDRESS: "50051" } });
    expect(ran).toMatchObject({
      exitCode: 2,
      stderr: "cos: COS_CONDUCTOR_ADDRESS must be host:port, such as 127.0.0.1:50051, or https://host:port\n",
    });
  });
});

test("the address is the option's, else the environment's, else this machine's", async () => {
  const transport = new FakeConductor().transport();
  const asked = async (argv: string[], env = {}): Promise<readonly string[]> =>
    (await run(["list", ...argv], { transport, env })).addresses;
  const env = { COS_CONDUCTOR_ADDRESS: "dns:///cos.example:1" };
  expect(await asked(["--address", "[::1]:9"], env)).toEqual(["[::1]:9"]);
  expect(await asked([], env)).toEqual(["dns:///cos.example:1"]);
  expect(await asked([])).toEqual(["127.0.0.1:50051"]);
});

class BrokenPipe extends Writable {
  readonly #code: string;
  writes = 0;

  constructor(code: string) {
    super();
    this.#code = code;
  }

  override _write(_chunk: unknown, _encoding: string, done: (error?: Error | null) => void): void {
    this.writes += 1;
    done(Object.assign(new Error("write failed"), { code: this.#code }));
  }
}

describe("a reader that has gone", () => {
  test("ends the command quietly: `cos list | head`", async () => {
    const transport = new FakeConductor().transport();
    for (let index = 0; index < 30; index += 1) await run(["record", "x"], { transport });
    const stdout = new BrokenPipe("EPIPE");
    const ran = await run(["list"], { transport, stdout });
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(stdout.writes).toBe(1);
  });

  test("a full disk is a failure", async () => {
    const transport = new FakeConductor().transport();
    for (let index = 0; index < 30; index += 1) await run(["record", "x"], { transport });
    const ran = await run(["list"], { transport, stdout: new BrokenPipe("ENOSPC") });
    expect(ran).toMatchObject({ exitCode: 1, stderr: "cos: write failed\n" });
  });

  test("waits that are over are let go of", async () => {
    const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void setImmediate(done) });
    const output = new Output(slow, {});
    const reactions = await mostReactions(async () => {
      for (let index = 0; index < 20; index += 1) await output.write("more than one byte");
    });
    expect(reactions).toBeLessThan(10);
    expect(slow.listenerCount("drain")).toBe(0);
    await output.close();
  });

  test("a write waits while the reader is behind, and fails if it goes meanwhile", async () => {
    let release: (error?: Error) => void = () => undefined;
    const slow = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) => {
        release = done;
      },
    });
    const output = new Output(slow, {});
    const first = output.write("more than one byte");
    let written = false;
    void first.then(() => {
      written = true;
    });
    await Promise.resolve();
    expect(written).toBe(false);
    release();
    await first;
    const second = output.write("again");
    release(Object.assign(new Error("gone"), { code: "EPIPE" }));
    await expect(second).rejects.toMatchObject({ name: "PipeClosed" });
    await expect(output.write("never")).rejects.toMatchObject({ name: "PipeClosed" });
    await output.close();
  });
});

test("Ctrl-C during a call is 130, without a word", async () => {
  const signal = AbortSignal.abort();
  const ran = await run(["get", "cc/1"], { transport: new FakeConductor().transport(), signal });
  expect(ran).toMatchObject({ exitCode: 130, stdout: "", stderr: "" });
});

test("colours are for terminals that want them", () => {
  const styled = (isTTY: boolean, env: Record<string, string>): string =>
    new Output(new Sink(isTTY), env).style("red", "x");
  expect(styled(true, {})).toBe("\u001b[31mx\u001b[39m");
  expect([styled(false, {}), styled(true, { NO_COLOR: "1" }), styled(true, { TERM: "dumb" })]).toEqual(["x", "x", "x"]);
});

test("a text is shortened by columns, wide and combining characters counted", () => {
  expect(shorten("abc", 3)).toBe("abc");
  expect(shorten("abcd", 3)).toBe("ab…");
  expect(shorten("日本語", 6)).toBe("日本語");
  expect(shorten("日本語文", 6)).toBe("日本…");
  expect(shorten("e\u0301e\u0301", 2)).toBe("e\u0301e\u0301");
  expect(oneLine("a\r\n\tb\u001b[2J\u2066c\u2069")).toBe("a b[2Jc");
});

test("times are shown in UTC, a midnight as its day", () => {
  expect(formatInstant(undefined)).toBe("");
  expect(formatInstant({ seconds: 253_402_300_799n, nanos: 999_999_000 } as never)).toBe("9999-12-31 23:59:59Z");
  expect(formatInstant({ seconds: -9_781_776_000n, nanos: 0 } as never)).toBe("1660-01-11");
  expect(formatInstant({ seconds: -1n, nanos: 0 } as never)).toBe("1969-12-31 23:59:59Z");
});

test("what is thrown that is no error is shown too", () => {
  const called = { address: "", tokenSource: undefined, showsCertificate: false };
  expect(explainError("odd", called)).toEqual({ exitCode: 1, lines: ["odd"] });
  expect(explainError(new CliFailure(3, "gone"), called)).toEqual({ exitCode: 3, lines: ["gone"] });
});
