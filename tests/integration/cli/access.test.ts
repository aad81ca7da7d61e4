import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Client } from "pg";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { type Ran, type RunOptions, run } from "#tests/unit/cli/support/run.ts";

jest.setTimeout(60_000);

const folder = await temporaryFolder();
let mesh: Mesh;

/** The command as a person types it on the machine of `npm start`. */
function cos(argv: readonly string[], env: Record<string, string> = {}, options: RunOptions = {}): Promise<Ran> {
  const here = { COS_CONDUCTOR_ADDRESS: mesh.address, COS_DATA_DIR: folder };
  return run(argv, { openTransport, ...options, env: { ...here, ...env } });
}

const made = (argv: string): Promise<Ran> => cos(["tokens", "create", ...argv.split(" ")]);

async function tokenFile(name: string, { stdout }: Ran): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, stdout, { mode: 0o600 });
  return path;
}

beforeAll(async () => {
  mesh = await openMesh();
  const { exitCode, stdout } = await cos(["owner-token"], { COS_POSTGRES_URL: mesh.postgresUrl });
  expect(exitCode).toBe(0);
  await writeFile(join(folder, "owner-token"), stdout, { mode: 0o600 });
});
afterAll(() => mesh.stop());

test("owner-token makes the owner known, and its file is found", async () => {
  expect((await cos(["whoami"])).stdout).toMatch(/^name +owner\nkind +person\nrights +\*=admin\n/);
  expect((await cos(["whoami"], { COS_DATA_DIR: "/dev/null/nowhere" })).stdout).toMatch(
    /^name +local\nkind +agent\nrights +\*=record\n/,
  );
});

test("an agent's token lets in, by its rights, until it is revoked", async () => {
  const secret = await made("--name editor-bot --kind agent --module drafts=record --module pepys=read --expires 30d");
  expect(secret.stdout).toMatch(/^cos_agt_[0-9A-Za-z]{49}\n$/);
  for (const module of ["drafts", "pepys", "history"]) {
    await writeFile(join(folder, "f"), `{"source":"me","event_type":"note","text":"${module}"}\n`);
    expect((await cos(["import", join(folder, "f"), "--module", module])).exitCode).toBe(0);
  }
  const env = { COS_TOKEN_FILE: await tokenFile("bot.token", secret) };
  expect((await cos(["whoami"], env)).stdout).toMatch(/rights +drafts=record pepys=read\n.*\nuntil +20/);
  expect(await cos(["record", "by the bot", "--module", "drafts"], env)).toMatchObject({ exitCode: 0 });
  expect((await cos(["get", "drafts/2"], env)).stdout).toMatch(/\nrecorded by +editor-bot\n/);
  expect(await cos(["import", join(folder, "f"), "--module", "pepys"], env)).toMatchObject({
    exitCode: 1,
    stdout: "",
    stderr: "cos: editor-bot may not record in module pepys: `cos whoami` shows what it may do\n",
  });
  expect(await cos(["list", "--module", "history"], env)).toMatchObject({ exitCode: 3 });
  const heard = Promise.withResolvers<void>();
  const onStdout = (text: string): void => (text.includes("by the bot") ? heard.resolve() : undefined);
  const listening = cos(["tail", "--module", "drafts", "--from", "1"], env, { onStdout });
  await heard.promise;
  expect((await cos(["tokens", "ls"])).stdout).toMatch(/\neditor-bot +agent .* drafts=record pepys=read /);
  expect((await cos(["tokens", "grant", "editor-bot", "--module", "drafts=read"])).stdout).toBe(
    "editor-bot: drafts: record -> read\neditor-bot: pepys: read -> nothing\n",
  );
  expect((await cos(["tokens", "revoke", "editor-bot"])).stdout).toMatch(/^revoked 1 token of editor-bot/);
  const { exitCode, stderr } = await listening;
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: `cos: the token of ${env.COS_TOKEN_FILE} was revoked: it opens nothing any more\n`,
  });
});

test("a tail of all modules goes on with what is left of them, one of named modules says how", async () => {
  const env = {
    COS_TOKEN_FILE: await tokenFile("tail.token", await made("--name listener --kind agent --module *=read")),
  };
  for (const module of ["ours", "theirs"]) {
    await writeFile(join(folder, "f"), `{"source":"me","event_type":"note","text":"first of ${module}"}\n`);
    expect((await cos(["import", join(folder, "f"), "--module", module])).exitCode).toBe(0);
  }
  const heard = { ours: Promise.withResolvers<void>(), theirs: Promise.withResolvers<void>() };
  const taken = Promise.withResolvers<void>();
  const ended = new AbortController();
  const all = cos(["tail", "--all", "--from-beginning"], env, {
    signal: ended.signal,
    onStdout(text) {
      if (text.includes("first of ours") && text.includes("first of theirs")) heard.ours.resolve();
      if (text.includes("second of ours")) ended.abort();
    },
    onStderr: (text) => text.includes("going on with what is left") && taken.resolve(),
  });
  const named = cos(["tail", "--module", "ours", "--module", "theirs", "--from-beginning"], env, {
    onStdout: (text) => text.includes("first of theirs") && text.includes("first of ours") && heard.theirs.resolve(),
  });
  await Promise.all([heard.ours.promise, heard.theirs.promise]);
  await cos(["tokens", "grant", "listener", "--module", "ours=read"]);
  expect(await named).toMatchObject({
    exitCode: 1,
    stderr: "cos: you may no longer read theirs: go on by `cos tail --module ours --from 2`\n",
  });
  await taken.promise;
  for (const module of ["theirs", "ours"]) await cos(["record", `second of ${module}`, "--module", module]);
  const { exitCode, stdout } = await all;
  expect(exitCode).toBe(130);
  expect(stdout.match(/first of ours/g)).toHaveLength(1);
  expect(stdout).toContain("second of ours");
  expect(stdout).not.toContain("second of theirs");
});

test("a rotated token works on beside the new one for as long as it was said", async () => {
  const old = await tokenFile("old.token", await made("--name nell --kind person"));
  const renewed = await tokenFile("new.token", await cos(["tokens", "rotate", "nell", "--overlap", "1h"]));
  for (const path of [old, renewed]) expect((await cos(["whoami"], { COS_TOKEN_FILE: path })).exitCode).toBe(0);
  await cos(["tokens", "rotate", "nell"]);
  for (const path of [old, renewed]) {
    await expect(cos(["whoami"], { COS_TOKEN_FILE: path })).resolves.toMatchObject({ exitCode: 1 });
  }
});

test("the owner's token of another mesh is told from others, and how to mend it", async () => {
  const elsewhere = join(folder, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, "owner-token"), makeApiToken(PrincipalKind.PERSON), { mode: 0o600 });
  const ran = await cos(["whoami"], { COS_DATA_DIR: elsewhere });
  expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
  expect(ran.stderr).toMatch(/does not know the token of .*owner-token: `npm start` writes a new one there\n$/);
});

describe("forgetting", () => {
  test("counts, forgets, and keeps a ledger that forgets again", async () => {
    const lines = [1, 2, 3].map((n) => `{"source":"me","event_type":"note","text":"t${n}","session_id":"s${n % 2}"}`);
    await writeFile(join(folder, "f"), `${lines.join("\n")}\n`);
    await cos(["import", join(folder, "f"), "--module", "letters"]);
    const forget = (...argv: string[]): Promise<Ran> =>
      cos(["memories", "forget", "--module", "letters", "--reason", "asked for", ...argv]);
    expect((await forget("--session", "s1", "--dry-run")).stdout).toMatch(
      /^2 memories to forget of session s1 in module letters, such as:\n/,
    );
    expect(await forget("--session", "s1")).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await forget("--session", "s1", "--yes")).toMatchObject({
      exitCode: 0,
      stdout: "forgot 2 memories of session s1 in module letters\n",
      stderr: expect.stringContaining("gone from the log and from Redis"),
    });
    const list = await cos(["list", "--module", "letters"]);
    expect(list.stdout.match(/\(forgotten\)/g)).toHaveLength(2);
    const ledger = await cos(["memories", "forgotten", "--module", "letters"]);
    expect(
      ledger.stdout
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { position: string }).position),
    ).toEqual(["1", "3"]);
    await writeFile(join(folder, "ledger.jsonl"), ledger.stdout);
    const again = await cos([
      "memories",
      "forget",
      "--ledger",
      join(folder, "ledger.jsonl"),
      "--reason",
      "again",
      "--yes",
    ]);
    expect(again.stdout).toBe("0 memories to forget in module letters (2 forgotten before)\n");
  });

  test("is nothing for whoever may not administer the module", async () => {
    const env = { COS_DATA_DIR: "/dev/null/nowhere" };
    const ran = await cos(["memories", "forget", "--module", "letters", "--all", "--reason", "x", "--yes"], env);
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/you called without a token: `cos whoami` shows what you may do\n$/);
  });
});

test("the audit tells who did what, and ends with 1 when it was tampered with", async () => {
  const entries = (await cos(["audit", "--since", "1h", "--limit", "all", "--json"])).stdout.trimEnd().split("\n");
  const actions = entries.map((line) => (JSON.parse(line) as { action: string }).action);
  expect(actions).toEqual(
    expect.arrayContaining(["owner.token.set", "token.created", "grants.set", "memories.forgotten"]),
  );
  // Entries are sealed in the background.
  let sealed: string | undefined;
  while (sealed === undefined) {
    sealed = /seal (\d+:[0-9a-f]{64})\n/.exec((await cos(["audit", "verify"])).stdout)?.[1];
  }
  expect(await cos(["audit", "verify", "--seal", sealed])).toMatchObject({ exitCode: 0 });
  const client = new Client({ connectionString: mesh.postgresUrl });
  await client.connect();
  await client.query("alter table cos_auth.audit disable trigger all");
  await client.query("update cos_auth.audit set target = 'somebody else' where number = 1");
  await client.query("alter table cos_auth.audit enable trigger all");
  await client.end();
  const { exitCode, stdout } = await cos(["audit", "verify"]);
  expect({ exitCode, stdout }).toEqual({
    exitCode: 1,
    stdout: expect.stringMatching(/^not intact: .*\n {2}seal 1, entry 1: /),
  });
});
