import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import {
  CreateTokenRequestSchema,
  ListAuditRequestSchema,
  RevokeTokenRequestSchema,
  RotateTokenRequestSchema,
  SetGrantsRequestSchema,
} from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { openStore, type Store } from "#services/conductor/store/open-store.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";
import { someActor } from "./some-actor.ts";

/** What the services need of `cos_auth` where migrations run as another role, and no more (docs/security.md). */
const narrow = (role: string) => `
  grant usage on schema cos_auth to ${role};
  grant select on all tables in schema cos_auth to ${role};
  grant insert, update on cos_auth.principal, cos_auth.token to ${role};
  grant insert, update, delete on cos_auth.granted to ${role};
  grant update on cos_auth.grants_version to ${role};
  grant insert on cos_auth.audit, cos_auth.seal to ${role};
  grant insert, delete on cos_auth.unsealed to ${role};`;

const role = `service_${process.pid}_${Date.now()}`;
let given: TestStore;
let store: Store;
let url: string;
beforeAll(async () => {
  given = await openTestStore();
  await given.client.query(`create role ${role} login password 'plain'`);
  await given.client.query(`grant usage on schema mem0_cc to ${role};
    grant select, insert, update, delete on all tables in schema mem0_cc to ${role}`);
  await given.client.query(narrow(role));
  url = Object.assign(new URL(given.url), { username: role, password: "plain" }).href;
  store = await openStore({ url, log: silent });
});
afterAll(async () => {
  await store.close();
  await given.client.query(`drop owned by ${role}; drop role ${role}`);
  await given.close();
});

describe("a role that may do in cos_auth what the services need, and no more", () => {
  test("administers, seals and verifies", async () => {
    const actor = someActor();
    const { access } = store;
    const bot = { name: "bot", kind: PrincipalKind.AGENT, grants: [{ module: "cc", verb: Verb.READ }] };
    await access.createToken(actor, create(CreateTokenRequestSchema, bot));
    await access.rotateToken(actor, create(RotateTokenRequestSchema, { name: "bot" }));
    await access.setGrants(actor, create(SetGrantsRequestSchema, { name: "bot" }));
    await access.revokeToken(actor, create(RevokeTokenRequestSchema, { name: "bot" }));
    const hash = hashOfApiToken(makeApiToken(PrincipalKind.PERSON));
    expect(await ensureOwner({ url, hash, log: silent })).toBe("set");
    expect(await access.sealAudit()).toBe(5);
    expect(await access.verifyAudit(undefined)).toMatchObject({ intact: true, sealed: 5n, unsealed: 0n });
    expect((await access.listAudit(create(ListAuditRequestSchema))).entries).toHaveLength(5);
  });

  test("cannot change or remove what was written, nor switch off what forbids it", async () => {
    await given.client.query(`set role ${role}`);
    for (const statement of [
      "update cos_auth.audit set target = 'x'",
      "delete from cos_auth.audit",
      "truncate cos_auth.audit",
      "update cos_auth.seal set hash = ''",
      "delete from cos_auth.seal",
      "delete from cos_auth.token",
      "alter table cos_auth.audit disable trigger all",
      "set session_replication_role = replica",
    ]) {
      await expect(given.client.query(statement)).rejects.toMatchObject({ code: "42501" });
    }
    await given.client.query("reset role");
  });
});
