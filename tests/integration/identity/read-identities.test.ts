import { randomUUIDv7 } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { type Identities, readIdentities } from "#shared/identity/read-identities.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { openTestAuth, type TestAuth } from "./open-test-auth.ts";

const MINUTE_MS = 60_000;

describe("what a process may know of cos_auth", () => {
  let database: ClonedDatabase;
  let auth: TestAuth;
  let identities: Identities;
  beforeAll(async () => {
    database = await cloneDatabase();
    auth = await openTestAuth(database.url);
    identities = readIdentities(auth.postgres);
  });
  afterAll(async () => {
    await auth.close();
    await database.drop();
  });

  test("tokens by hash, with whose they are and what that principal may do", async () => {
    const bot = await auth.addToken("bot", { drafts: Verb.RECORD, "*": Verb.READ });
    const idle = await auth.addToken("idle", {});
    const { version, tokens } = await identities.findTokens([bot.hash, idle.hash, "00".repeat(32)]);
    expect(version).toBe(await identities.readVersion());
    expect(tokens.find(({ id }) => id === bot.id)).toEqual({
      id: bot.id,
      hash: bot.hash,
      principal: {
        name: "bot",
        kind: PrincipalKind.AGENT,
        grants: new Map([
          ["*", Verb.READ],
          ["drafts", Verb.RECORD],
        ]),
      },
      expiresMs: Number.POSITIVE_INFINITY,
      isRevoked: false,
      lastUsedMs: 0,
    });
    expect(tokens.map(({ principal }) => [principal.name, principal.grants.size])).toEqual(
      expect.arrayContaining([["idle", 0]]),
    );
    expect(tokens).toHaveLength(2);
  });

  test("tokens by id, with their end", async () => {
    const token = await auth.addToken("leaving", {});
    const expires = new Date(Date.UTC(2027, 0, 1, 0, 0, 0, 123));
    await auth.client.query("update cos_auth.token set expires_at = $2 where id = $1", [token.id, expires]);
    await auth.revoke(token);
    const { tokens } = await identities.readTokens([token.id, randomUUIDv7()]);
    expect(tokens).toMatchObject([{ id: token.id, isRevoked: true, expiresMs: expires.getTime() }]);
  });

  test("the version is told where no token is found", async () => {
    const version = await identities.readVersion();
    expect(await identities.findTokens(["00".repeat(32)])).toEqual({ version, tokens: [] });
    expect(await identities.readTokens([])).toEqual({ version, tokens: [] });
  });

  test("every change of a right moves the version, the last use does not", async () => {
    const token = await auth.addToken("moving", { drafts: Verb.READ });
    const versions = [await identities.readVersion()];
    const changes = [
      "update cos_auth.granted set verb = 3 where principal = 'moving'",
      "delete from cos_auth.granted where principal = 'moving'",
      "update cos_auth.token set expires_at = now() where principal = 'moving'",
      "update cos_auth.token set revoked_at = now() where principal = 'moving'",
    ];
    for (const change of changes) {
      await auth.client.query(change);
      versions.push(await identities.readVersion());
    }
    expect(new Set(versions).size).toBe(changes.length + 1);
    await identities.touchTokens([{ id: token.id, usedMs: Date.now() }]);
    expect(await identities.readVersion()).toBe(versions.at(-1));
  });

  test("the last use is written down at most once a minute, whoever writes it", async () => {
    const { id } = await auth.addToken("using", {});
    const usedMs = Date.UTC(2026, 10, 23);
    const lastUsed = async () => (await identities.readTokens([id])).tokens[0]?.lastUsedMs;
    for (const sinceMs of [0, MINUTE_MS - 1, -MINUTE_MS])
      await identities.touchTokens([{ id, usedMs: usedMs + sinceMs }]);
    expect(await lastUsed()).toBe(usedMs);
    await identities.touchTokens([{ id, usedMs: usedMs + MINUTE_MS }]);
    expect(await lastUsed()).toBe(usedMs + MINUTE_MS);
  });

  test("writing the last use down waits for nobody: a row that is held is left out", async () => {
    const [held, free] = [await auth.addToken("held", {}), await auth.addToken("free", {})];
    await auth.client.query("begin");
    await auth.client.query("select from cos_auth.token where id = $1 for update", [held.id]);
    await identities.touchTokens([held, free].map(({ id }) => ({ id, usedMs: MINUTE_MS })));
    await auth.client.query("rollback");
    const { tokens } = await identities.readTokens([held.id, free.id]);
    expect(Object.fromEntries(tokens.map(({ principal, lastUsedMs }) => [principal.name, lastUsedMs]))).toEqual({
      held: 0,
      free: MINUTE_MS,
    });
  });
});
