import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CreateTokenRequestSchema, CredentialKind, ListAuditRequestSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { sealAudit } from "#services/conductor/store/access/seal-audit.ts";
import { verifyAudit } from "#services/conductor/store/access/verify-audit.ts";
import { writeAudit } from "#services/conductor/store/access/write-audit.ts";
import { Chore } from "#shared/lifecycle/chore.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";
import { someActor } from "./some-actor.ts";

let given: TestStore;
beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());
beforeEach(() => tamper("truncate cos_auth.audit, cos_auth.seal, cos_auth.unsealed restart identity"));

const service = { name: "shell", kind: PrincipalKind.SERVICE, grants: new Map([["*", Verb.ADMIN]]) };

async function write(count: number, action = "memories.forgotten"): Promise<void> {
  for (let n = 1; n <= count; n++) {
    await writeAudit(given.client, someActor(`request-${n}`), {
      action,
      target: "drafts",
      details: { count: String(n), reason: "asked by the author" },
    });
  }
}

/** Past the triggers, as a superuser can. */
async function tamper(statement: string): Promise<void> {
  await given.client.query("set session_replication_role = replica");
  await given.client.query(statement);
  await given.client.query("set session_replication_role = origin");
}

async function written(count: number): Promise<void> {
  await write(count);
  await given.store.access.sealAudit();
}

const verify = (known?: { number: bigint; hash: string }) => given.store.access.verifyAudit(known);
const list = (request: MessageInitShape<typeof ListAuditRequestSchema> = {}) =>
  given.store.access.listAudit(create(ListAuditRequestSchema, request));

describe("the audit", () => {
  test("says who did what, in which call, the latest first", async () => {
    await writeAudit(given.client, someActor("r1", service), {
      action: "token.created",
      target: "x",
      details: { kind: "agent" },
    });
    await write(1);
    const { entries, nextPageToken } = await list();
    expect(nextPageToken).toBe("");
    expect(entries.map(({ action }) => action)).toEqual(["memories.forgotten", "token.created"]);
    expect(entries[1]).toMatchObject({
      principal: "owner",
      kind: PrincipalKind.PERSON,
      credential: CredentialKind.TOKEN,
      via: "shell",
      target: "x",
      details: { kind: "agent" },
      requestId: "r1",
      seal: 0n,
    });
  });

  test("is listed in pages, by principal, action and time", async () => {
    await write(5);
    await write(3, "grants.set");
    const numbers: bigint[] = [];
    let pageToken = "";
    do {
      const page = await list({ pageSize: 3, pageToken });
      numbers.push(...page.entries.map(({ number }) => number));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(numbers).toEqual([8n, 7n, 6n, 5n, 4n, 3n, 2n, 1n]);
    const actions = await list({ action: "grants.set", principal: "owner", pageSize: 2 });
    expect(actions.entries.map(({ number }) => number)).toEqual([8n, 7n]);
    const rest = { action: "grants.set", principal: "owner", pageToken: actions.nextPageToken };
    expect((await list(rest)).entries.map(({ number }) => number)).toEqual([6n]);
    expect((await list({ principal: "nobody" })).entries).toEqual([]);
    const { at } = (await list({ pageSize: 4 })).entries[3]!;
    expect((await list({ since: at! })).entries).toHaveLength(4);
    expect((await list({ since: timestampFromMs(Date.now() + 60_000) })).entries).toEqual([]);
    for (const foreign of [{ pageToken: "x" }, { pageToken: actions.nextPageToken }]) {
      await expect(list(foreign)).rejects.toMatchObject({ reason: ErrorReason.PAGE_TOKEN_INVALID });
    }
  });

  test("a page ends at 2 MiB", async () => {
    const details = { grants: "m=read ".repeat(100_000) };
    for (let n = 0; n < 4; n++) {
      await writeAudit(given.client, someActor(), { action: "grants.set", target: "x", details });
    }
    const { entries, nextPageToken } = await list();
    expect(entries).toHaveLength(2);
    expect((await list({ pageToken: nextPageToken })).entries.map(({ number }) => number)).toEqual([2n, 1n]);
  });

  test("is listed although somebody has spoilt its details", async () => {
    await write(2);
    await tamper("update cos_auth.audit set details = 'null' where number = 1");
    await tamper(`update cos_auth.audit set details = '{"a": 1}' where number = 2`);
    expect((await list()).entries.map(({ details }) => details)).toEqual([{ a: "1" }, {}]);
  });

  test("is only ever added to, whoever asks", async () => {
    await written(2);
    const refused = { code: "42501" };
    for (const [table, column] of [
      ["audit", "target"],
      ["seal", "hash"],
    ]) {
      const update = `update cos_auth.${table} set ${column} = ${column}`;
      for (const change of [update, `delete from cos_auth.${table}`, `truncate cos_auth.${table} cascade`]) {
        await expect(given.client.query(change)).rejects.toMatchObject(refused);
      }
    }
  });
});

describe("sealing", () => {
  test("A1: one at a time; whoever comes meanwhile finds nothing to do", async () => {
    await write(3);
    await given.client.query("begin");
    expect(await sealAudit(given.client, 10)).toBe(3);
    expect(await given.store.access.sealAudit()).toBe(0);
    await given.client.query("commit");
    expect(await given.store.access.sealAudit()).toBe(0);
    expect(await verify()).toMatchObject({ intact: true, sealed: 3n, unsealed: 0n, sealNumber: 3n });
  });

  test("A1: many sealers at once make one chain", async () => {
    const { access } = given.store;
    const sealers = Array.from(
      { length: 3 },
      () =>
        new Chore({ batch: () => access.sealAudit(), intervalMs: 1, words: { failed: "", again: "" }, log: silent }),
    );
    await write(20);
    let sealed = 0n;
    while (sealed < 20n) {
      const found = await verify();
      expect([found.intact, found.sealed + found.unsealed]).toEqual([true, 20n]);
      ({ sealed } = found);
    }
    await Promise.all(sealers.map((sealer) => sealer.close()));
    expect(await verify()).toMatchObject({ intact: true, sealed: 20n, sealNumber: 20n });
  });

  test("A2: a turn that is broken off leaves nothing half done", async () => {
    await write(4);
    await given.client.query("begin");
    expect(await sealAudit(given.client, 10)).toBe(4);
    await given.client.query("rollback");
    expect(await verify()).toMatchObject({ intact: true, sealed: 0n, unsealed: 4n, sealNumber: 0n, sealHash: "" });
    expect(await given.store.access.sealAudit()).toBe(4);
    expect(await verify()).toMatchObject({ intact: true, sealed: 4n, unsealed: 0n });
  });

  test("A3: an entry that is committed after higher numbers is sealed after them", async () => {
    await given.client.query("begin");
    await write(1);
    const bot = create(CreateTokenRequestSchema, { name: "bot", kind: PrincipalKind.AGENT });
    await given.store.access.createToken(someActor(), bot);
    expect(await given.store.access.sealAudit()).toBe(1);
    await given.client.query("commit");
    expect(await given.store.access.sealAudit()).toBe(1);
    const { entries } = await list();
    expect(entries.map(({ number, seal }) => [number, seal])).toEqual([
      [2n, 1n],
      [1n, 2n],
    ]);
    expect((await verify()).intact).toBe(true);
  });

  test("the order of keys, the time zone and the way of writing times do not matter", async () => {
    await written(2);
    await given.client.query("set timezone = 'Asia/Kathmandu'; set datestyle = 'German'");
    expect((await verifyAudit(given.client, undefined)).intact).toBe(true);
    await tamper(
      `update cos_auth.audit set details = '{"reason": "asked by the author", "count": "1"}' where number = 1`,
    );
    expect((await verify()).intact).toBe(true);
  });
});

describe("verifying finds", () => {
  const faults = async (known?: { number: bigint; hash: string }) => {
    const { intact, faults } = await verify(known);
    expect(intact).toBe(faults.length === 0);
    return faults.map(({ seal, number, description }) => [seal, number, description]);
  };

  test("nothing where there is nothing", async () => {
    expect(await verify()).toMatchObject({ intact: true, sealed: 0n, unsealed: 0n, sealNumber: 0n, sealHash: "" });
  });

  test.each([
    ["who", "principal = 'somebody'"],
    ["the kind", "kind = 'service'"],
    ["how they were known", "credential = 'local'"],
    ["by which service", "via = 'shell'"],
    ["what", "action = 'grants.set'"],
    ["to what", "target = 'cc'"],
    ["a detail", `details = details || '{"count": "1000"}'`],
    ["a detail's kind", `details = details || '{"count": 3}'`],
    ["the details at all", `details = '[["count", "3"], ["reason", "asked by the author"]]'`],
    ["in which call", "request_id = ''"],
    ["when, by a microsecond", "at = at + interval '1 microsecond'"],
  ])("an entry that was changed: %s", async (_, change) => {
    await written(5);
    expect(await faults()).toEqual([]);
    await tamper(`update cos_auth.audit set ${change} where number = 3`);
    expect(await faults()).toEqual([[3n, 3n, expect.stringContaining("does not fit its seal")]]);
  });

  test("an entry that is gone", async () => {
    await written(5);
    await tamper("delete from cos_auth.audit where number = 2");
    expect(await faults()).toEqual([[2n, 2n, "the entry is gone"]]);
    expect(await verify()).toMatchObject({ sealed: 4n });
  });

  test("an entry that is gone together with its seal", async () => {
    await written(5);
    await tamper("delete from cos_auth.audit where number = 2; delete from cos_auth.seal where number = 2");
    expect(await faults()).toEqual([[3n, 3n, "the chain does not fit: seal 2 is gone"]]);
  });

  test("seals that are gone from the beginning and the middle, whose entries were left", async () => {
    await written(6);
    await tamper("delete from cos_auth.seal where number in (1, 3, 4)");
    expect(await faults()).toEqual([
      [2n, 2n, "the chain does not fit: seal 1 is gone"],
      [5n, 5n, "the chain does not fit: seals 3 to 4 are gone"],
      [0n, 1n, "the entry has lost its seal"],
      [0n, 3n, "the entry has lost its seal"],
      [0n, 4n, "the entry has lost its seal"],
    ]);
  });

  test("a seal that was changed", async () => {
    await written(5);
    await tamper("update cos_auth.seal set hash = sha256('x') where number = 2");
    expect((await faults()).map(([seal]) => seal)).toEqual([2n, 3n]);
  });

  test("seals that were swapped", async () => {
    await written(6);
    await tamper(`update cos_auth.seal set number = -3 where number = 3;
      update cos_auth.seal set number = 3 where number = 4;
      update cos_auth.seal set number = 4 where number = -3`);
    expect((await faults()).map(([seal]) => seal)).toEqual([3n, 4n, 5n]);
  });

  test("an end that was cut off, for whoever knows a seal of it", async () => {
    await written(5);
    const { sealNumber: number, sealHash: hash } = await verify();
    expect([number, hash]).toEqual([5n, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    await tamper("delete from cos_auth.audit where number > 3; delete from cos_auth.seal where number > 3");
    expect(await faults()).toEqual([]);
    const cut = "the end was cut off: seal 5, which was known, is gone";
    expect(await faults({ number, hash })).toEqual([[3n, 0n, cut]]);
    await written(4);
    expect(await faults()).toEqual([]);
    expect(await faults({ number, hash })).toEqual([[5n, 7n, expect.stringContaining("not the known one")]]);
  });

  test("a whole chain that was written anew, for whoever knows a seal of it", async () => {
    await written(5);
    const { sealNumber: number, sealHash: hash } = await verify();
    await write(1);
    expect(await faults({ number, hash })).toEqual([]);
    await tamper(`update cos_auth.audit set principal = 'x' where number = 2; delete from cos_auth.seal;
      insert into cos_auth.unsealed select number from cos_auth.audit on conflict do nothing`);
    await given.store.access.sealAudit();
    expect(await faults()).toEqual([]);
    expect(await faults({ number, hash })).toMatchObject([[5n, 5n, expect.anything()]]);
  });

  test("an entry that never got its seal, or went before it could", async () => {
    await write(2);
    await tamper("delete from cos_auth.unsealed where audit = 1; delete from cos_auth.audit where number = 2");
    expect(await faults()).toEqual([
      [0n, 1n, "the entry has lost its seal"],
      [0n, 2n, "the entry is gone: it was taken away before it was sealed"],
    ]);
  });

  test("the first hundred faults, and says of more that it is not intact; in batches", async () => {
    await given.client.query(`insert into cos_auth.audit (principal, kind, credential, action, target)
      select 'x', 'person', 'token', 'token.created', n::text from generate_series(1, 2500) n`);
    while ((await given.store.access.sealAudit()) > 0);
    expect(await verify()).toMatchObject({ intact: true, sealed: 2500n, sealNumber: 2500n });
    await tamper("update cos_auth.audit set target = 'y' where number % 10 = 0");
    const { intact, faults: found, sealed } = await verify();
    expect([intact, found.length, sealed]).toEqual([false, 100, 2500n]);
    expect(found[99]?.seal).toBe(1000n);
  });
});

test("a caller who leaves while the audit is verified hears its own reason, and the connection is given up", async () => {
  const gone = new Error("gone");
  await given.client.query("begin; lock table cos_auth.seal in access exclusive mode");
  const leaving = new AbortController();
  const waiting = given.store.access.verifyAudit(undefined, leaving.signal);
  setTimeout(() => leaving.abort(gone), 30);
  await expect(waiting).rejects.toBe(gone);
  await expect(given.store.access.verifyAudit(undefined, leaving.signal)).rejects.toBe(gone);
  await given.client.query("rollback");
  expect((await verify()).intact).toBe(true);
});
