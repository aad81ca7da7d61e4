import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import {
  CreateTokenRequestSchema,
  ListTokensRequestSchema,
  RevokeTokenRequestSchema,
  RotateTokenRequestSchema,
  SetGrantsRequestSchema,
  type Token,
} from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, isApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";
import { someActor } from "./some-actor.ts";

let given: TestStore;
beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());

const DAY_MS = 86_400_000;
const actor = someActor();

const make = (name: string, rest: MessageInitShape<typeof CreateTokenRequestSchema> = {}) =>
  given.store.access.createToken(actor, create(CreateTokenRequestSchema, { name, kind: PrincipalKind.AGENT, ...rest }));
const rotate = (name: string, rest: MessageInitShape<typeof RotateTokenRequestSchema> = {}) =>
  given.store.access.rotateToken(actor, create(RotateTokenRequestSchema, { name, ...rest }));
const revoke = (name: string, tokenId = "") =>
  given.store.access.revokeToken(actor, create(RevokeTokenRequestSchema, { name, tokenId }));
const grant = (name: string, grants: { module: string; verb: Verb }[]) =>
  given.store.access.setGrants(actor, create(SetGrantsRequestSchema, { name, grants }));
const list = (request: MessageInitShape<typeof ListTokensRequestSchema> = {}) =>
  given.store.access.listTokens(create(ListTokensRequestSchema, request));

const lifetimeMs = ({ createdAt, expiresAt }: Token) => timestampMs(expiresAt!) - timestampMs(createdAt!);

async function entriesOf(target: string): Promise<{ action: string; details: Record<string, string> }[]> {
  const text = "select action, details from cos_auth.audit where target = $1 order by number";
  return (await given.client.query(text, [target])).rows;
}

async function version(): Promise<number> {
  const { rows } = await given.client.query<{ version: string }>("select version from cos_auth.grants_version");
  return Number(rows[0]!.version);
}

describe("a token is made", () => {
  test("with its principal and rights; the secret is in the answer alone, and only its hash is kept", async () => {
    const before = await version();
    const grants = [
      { module: "pepys", verb: Verb.READ },
      { module: "drafts", verb: Verb.RECORD },
    ];
    const { token, secret } = await make("editor-bot", { grants });
    expect(secret).toMatch(/^cos_agt_/);
    expect(isApiToken(secret)).toBe(true);
    expect(token).toMatchObject({
      createdBy: "owner",
      principal: { name: "editor-bot", kind: PrincipalKind.AGENT, grants: [grants[1], grants[0]] },
    });
    const { rows } = await given.client.query("select hash, t::text as whole from cos_auth.token t where id = $1", [
      token.id,
    ]);
    expect(rows[0].hash).toEqual(hashOfApiToken(secret));
    expect(rows[0].whole).not.toContain(secret);
    expect(await version()).toBeGreaterThan(before);
    expect(await entriesOf("editor-bot")).toEqual([
      {
        action: "token.created",
        details: { token_id: token.id, kind: "agent", grants: "drafts=record pepys=read", lifetime_seconds: "2592000" },
      },
    ]);
  });

  test("for 30 days where the principal is an agent, else for 90, or for what was asked", async () => {
    expect(lifetimeMs((await make("thirty")).token)).toBe(30 * DAY_MS);
    expect(lifetimeMs((await make("ninety", { kind: PrincipalKind.SERVICE })).token)).toBe(90 * DAY_MS);
    const asked = { kind: PrincipalKind.PERSON, expiresIn: { seconds: 60n, nanos: 0 } };
    expect(lifetimeMs((await make("minute", asked)).token)).toBe(60_000);
  });

  test("not for a name that has a live one, and of many at once for one alone; what is refused leaves nothing", async () => {
    const made = await Promise.allSettled(Array.from({ length: 6 }, () => make("wanted")));
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await expect(make("wanted", { grants: [{ module: "cc", verb: Verb.READ }] })).rejects.toMatchObject({
      reason: ErrorReason.PRINCIPAL_EXISTS,
      resource: { type: "principal", name: "wanted" },
    });
    expect((await list({ name: "wanted" })).tokens.map(({ principal }) => principal?.grants)).toEqual([[]]);
    expect(await entriesOf("wanted")).toHaveLength(1);
  });

  test("for a name whose tokens have ended, with the rights given now, if the kind is the same", async () => {
    await make("again", { grants: [{ module: "cc", verb: Verb.RECORD }] });
    await revoke("again");
    await expect(make("again", { kind: PrincipalKind.PERSON })).rejects.toMatchObject({
      reason: ErrorReason.PRINCIPAL_EXISTS,
      message: expect.stringContaining("another kind"),
    });
    const { token } = await make("again", { grants: [{ module: "pepys", verb: Verb.READ }] });
    expect(token.principal?.grants).toMatchObject([{ module: "pepys", verb: Verb.READ }]);
  });

  test("for modules that are not there yet, and without any right", async () => {
    const early = await make("early", { grants: [{ module: "to_come", verb: Verb.READ }] });
    expect(early.token.principal?.grants).toMatchObject([{ module: "to_come" }]);
    expect((await make("nothing")).token.principal?.grants).toEqual([]);
  });

  test("never for an agent that could approve: the database refuses too", async () => {
    await expect(make("ambitious", { grants: [{ module: "cc", verb: Verb.APPROVE }] })).rejects.toMatchObject({
      reason: ErrorReason.INTERNAL,
    });
    expect((await list({ name: "ambitious", showEnded: true })).tokens).toEqual([]);
  });
});

describe("a token is rotated", () => {
  test("at once: the old one has ended, the rights stay", async () => {
    const old = await make("roll", { grants: [{ module: "cc", verb: Verb.READ }] });
    const fresh = await rotate("roll");
    expect(fresh.secret).not.toBe(old.secret);
    expect((await list({ name: "roll" })).tokens.map(({ id }) => id)).toEqual([fresh.token.id]);
    expect(fresh.token.principal?.grants).toMatchObject([{ module: "cc", verb: Verb.READ }]);
    expect(lifetimeMs(fresh.token)).toBe(30 * DAY_MS);
  });

  test("with an overlap: both live, and the old one no longer than it would have", async () => {
    const short = await make("overlap", { expiresIn: { seconds: 3600n, nanos: 0 } });
    await rotate("overlap", { overlap: { seconds: 7200n, nanos: 0 }, expiresIn: { seconds: 86_400n, nanos: 0 } });
    const last = await rotate("overlap", { overlap: { seconds: 1800n, nanos: 500_000_000 } });
    const { tokens } = await list({ name: "overlap" });
    expect(tokens).toHaveLength(3);
    const cutAt = timestampMs(last.token.createdAt!) + 1_800_500;
    expect(tokens.map(({ expiresAt }) => timestampMs(expiresAt!)).slice(0, 2)).toEqual([cutAt, cutAt]);
    const hour = await rotate("overlap", { overlap: { seconds: 2_592_000n, nanos: 0 } });
    const first = (await list({ name: "overlap" })).tokens.find(({ id }) => id === short.token.id);
    expect(timestampMs(first!.expiresAt!)).toBe(cutAt);
    expect((await entriesOf("overlap")).at(-1)).toEqual({
      action: "token.rotated",
      details: {
        token_id: hour.token.id,
        replaced: "3",
        overlap_seconds: "2592000",
        lifetime_seconds: "2592000",
      },
    });
  });

  test("also when all had ended; for nobody unknown", async () => {
    await make("asleep");
    await revoke("asleep");
    const { token } = await rotate("asleep");
    expect((await list({ name: "asleep" })).tokens.map(({ id }) => id)).toEqual([token.id]);
    await expect(rotate("nobody")).rejects.toMatchObject({ reason: ErrorReason.PRINCIPAL_NOT_FOUND });
  });
});

describe("tokens are revoked", () => {
  test("one, or all; those that had ended are not named again, and nothing is written for them", async () => {
    const first = await make("gone");
    const second = await rotate("gone", { overlap: { seconds: 60n, nanos: 0 } });
    const [one] = await revoke("gone", first.token.id);
    expect(one).toMatchObject({ id: first.token.id, revokedAt: expect.anything() });
    expect((await revoke("gone")).map(({ id }) => id)).toEqual([second.token.id]);
    const before = [await version(), await entriesOf("gone")];
    expect(await revoke("gone")).toEqual([]);
    expect(await revoke("gone", first.token.id)).toEqual([]);
    expect(await entriesOf("gone")).toEqual(before[1]);
    expect((await entriesOf("gone")).at(-1)).toEqual({
      action: "token.revoked",
      details: { tokens: "1", token_id: second.token.id },
    });
  });

  test("none of somebody unknown, none of somebody else", async () => {
    const { token } = await make("other");
    await make("mine");
    const missing = { reason: ErrorReason.PRINCIPAL_NOT_FOUND, resource: { type: "principal" } };
    await expect(revoke("nobody")).rejects.toMatchObject(missing);
    await expect(revoke("mine", token.id)).rejects.toMatchObject(missing);
    expect((await list({ name: "other" })).tokens).toHaveLength(1);
  });
});

describe("rights are set", () => {
  test("as a whole, and the audit says what they were", async () => {
    await make("scribe", { kind: PrincipalKind.PERSON, grants: [{ module: "cc", verb: Verb.ADMIN }] });
    const before = await version();
    expect(await grant("scribe", [{ module: "*", verb: Verb.READ }])).toMatchObject({
      name: "scribe",
      kind: PrincipalKind.PERSON,
      grants: [{ module: "*", verb: Verb.READ }],
    });
    expect(await version()).toBeGreaterThan(before);
    expect((await grant("scribe", [])).grants).toEqual([]);
    expect((await entriesOf("scribe")).slice(1)).toEqual([
      { action: "grants.set", details: { grants: "*=read", before: "cc=admin" } },
      { action: "grants.set", details: { grants: "", before: "*=read" } },
    ]);
  });

  test("never above RECORD for an agent, nor twice for a module; what is refused changes nothing", async () => {
    await make("humble", { grants: [{ module: "cc", verb: Verb.READ }] });
    const asked = [
      { module: "cc", verb: Verb.RECORD },
      { module: "cc", verb: Verb.READ },
      { module: "pepys", verb: Verb.APPROVE },
    ];
    await expect(grant("humble", asked)).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      fields: [{ field: "grants[1].module" }, { field: "grants[2].verb" }],
    });
    await expect(grant("nobody", [])).rejects.toMatchObject({ reason: ErrorReason.PRINCIPAL_NOT_FOUND });
    const [token] = (await list({ name: "humble" })).tokens;
    expect(token?.principal?.grants).toMatchObject([{ module: "cc", verb: Verb.READ }]);
  });

  test("many at once take their turns", async () => {
    await make("popular");
    await Promise.all(Array.from({ length: 8 }, (_, n) => grant("popular", [{ module: `m${n}`, verb: Verb.READ }])));
    const [token] = (await list({ name: "popular" })).tokens;
    expect(token?.principal?.grants).toHaveLength(1);
  });
});

describe("tokens are listed", () => {
  test("by name and then by age, in pages; those that have ended if they are asked for", async () => {
    const all: Token[] = [];
    let pageToken = "";
    do {
      const page = await list({ pageSize: 3, pageToken, showEnded: true });
      expect(page.tokens.length).toBeLessThanOrEqual(3);
      all.push(...page.tokens);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    const { rows } = await given.client.query("select id from cos_auth.token order by principal, created_at, id");
    expect(all.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect((await list({ pageSize: 1000 })).tokens.length).toBeLessThan(all.length);
  });

  test("a page ends at 2 MiB, since each token carries its principal's rights", async () => {
    const grants = Array.from({ length: 1000 }, (_, n) => ({
      module: `a_rather_long_name_of_a_module_${n}`,
      verb: Verb.READ,
    }));
    await make("laden", { grants });
    for (let n = 0; n < 60; n++) await rotate("laden", { overlap: { seconds: 3600n, nanos: 0 } });
    const first = await list({ name: "laden", pageSize: 1000 });
    expect(first.tokens.length).toBeGreaterThan(10);
    expect(first.nextPageToken).not.toBe("");
    const second = await list({ name: "laden", pageSize: 1000, pageToken: first.nextPageToken });
    expect(first.tokens.length + second.tokens.length).toBe(61);
  });

  test("with when they were last used; the owner's without an end", async () => {
    const hash = hashOfApiToken(makeApiToken(PrincipalKind.PERSON));
    await ensureOwner({ url: given.url, hash, log: silent });
    await given.client.query("update cos_auth.token set last_used_at = created_at where principal = 'owner'");
    const [token] = (await list({ name: "owner" })).tokens;
    expect(token).toMatchObject({ createdBy: "owner", principal: { name: "owner", grants: [{ module: "*" }] } });
    expect([token?.expiresAt, token?.revokedAt, token?.lastUsedAt]).toEqual([undefined, undefined, token?.createdAt]);
  });

  test("a token of another list, or garbage, is refused", async () => {
    const { nextPageToken } = await list({ pageSize: 1 });
    const invalid = { reason: ErrorReason.PAGE_TOKEN_INVALID };
    await expect(list({ pageToken: nextPageToken, name: "roll" })).rejects.toMatchObject(invalid);
    await expect(list({ pageToken: "garbage" })).rejects.toMatchObject(invalid);
  });
});

describe("a transaction", () => {
  test("that waits too long for a lock is given up, and leaves nothing", async () => {
    await make("held");
    await given.client.query("begin");
    await given.client.query("select from cos_auth.principal where name = 'held' for update");
    await expect(grant("held", [{ module: "cc", verb: Verb.READ }])).rejects.toMatchObject({
      reason: ErrorReason.ENGINE_UNAVAILABLE,
    });
    await given.client.query("rollback");
    expect(await entriesOf("held")).toHaveLength(1);
    expect((await list({ name: "held" })).tokens[0]?.principal?.grants).toEqual([]);
  });

  test("whose entry cannot be written has no effect", async () => {
    await make("unaudited");
    await given.client.query(
      "alter table cos_auth.audit add constraint closed check (target <> 'unaudited') not valid",
    );
    await expect(revoke("unaudited")).rejects.toMatchObject({ reason: ErrorReason.INTERNAL });
    await given.client.query("alter table cos_auth.audit drop constraint closed");
    expect((await list({ name: "unaudited" })).tokens).toHaveLength(1);
  });
});
