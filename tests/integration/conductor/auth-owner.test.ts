import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";

let given: TestStore;
beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());

const newHash = () => hashOfApiToken(makeApiToken(PrincipalKind.PERSON));
const ensure = (hash: Buffer) => ensureOwner({ url: given.url, hash, log: silent });

async function state() {
  const { rows: live } = await given.client.query(
    "select hash, expires_at from cos_auth.token where principal = 'owner' and revoked_at is null",
  );
  const { rows: granted } = await given.client.query("select kind, module, verb from cos_auth.granted");
  const { rows: entries } = await given.client.query(
    "select principal, kind, credential, action, target, details->>'revoked' as revoked from cos_auth.audit order by number",
  );
  const { rows: versions } = await given.client.query("select version from cos_auth.grants_version");
  return { live, granted, entries, version: versions[0].version };
}

describe("the owner's token", () => {
  const [first, second] = [newHash(), newHash()];
  const entry = { principal: "owner", kind: "person", credential: "local", action: "owner.token.set", target: "owner" };

  test("is set, without an end, and its owner administers all modules", async () => {
    expect(await ensure(first)).toBe("set");
    expect(await state()).toMatchObject({
      live: [{ hash: first, expires_at: null }],
      granted: [{ kind: "person", module: "*", verb: 5 }],
      entries: [{ ...entry, revoked: "0" }],
    });
  });

  test("is kept when it is set again: nothing moves, nothing is written", async () => {
    const before = await state();
    expect(await Promise.all([ensure(first), ensure(first)])).toEqual(["kept", "kept"]);
    expect(await state()).toEqual(before);
  });

  test("is replaced by another one, and what was replaced does not come back", async () => {
    expect(await ensure(second)).toBe("set");
    expect(await ensure(first)).toBe("ended");
    const { live, entries } = await state();
    expect([live, entries.length, entries[1]]).toEqual([
      [{ hash: second, expires_at: null }],
      2,
      { ...entry, revoked: "1" },
    ]);
  });

  test("of a database that was not migrated, or does not answer, cannot be set", async () => {
    const unavailable = { reason: ErrorReason.ENGINE_UNAVAILABLE };
    const url = new URL(given.url);
    url.pathname = "/postgres";
    await expect(ensureOwner({ url: url.href, hash: first, log: silent })).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("cos migrate"),
    });
    const nowhere = "postgres://127.0.0.1:1/none";
    await expect(ensureOwner({ url: nowhere, hash: first, log: silent })).rejects.toMatchObject(unavailable);
  });
});
