import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import {
  CreateTokenRequestSchema,
  CredentialKind,
  ListAuditRequestSchema,
  ListTokensRequestSchema,
  RevokeTokenRequestSchema,
  RotateTokenRequestSchema,
  SetGrantsRequestSchema,
  VerifyAuditRequestSchema,
  WhoAmIRequestSchema,
} from "#gen/cos/auth/v1/auth_service_pb.ts";
import { auth } from "#services/conductor/handlers/auth.ts";
import type { AccessStore } from "#services/conductor/store/access/access-store.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localAccess } from "#shared/auth/local-access.ts";

function callWith(access: Access): CallContext {
  return {
    requestId: "request-1",
    traceId: "",
    traceparent: "",
    access,
    scope: access.scope,
    signal: new AbortController().signal,
    deadlineMs: Number.POSITIVE_INFINITY,
  };
}

const call = callWith(localAccess());

/** A store whose every function answers with its own name. */
function given() {
  const names = ["createToken", "rotateToken", "revokeToken", "setGrants", "listTokens", "listAudit", "verifyAudit"];
  const calls: unknown[][] = [];
  const store = Object.fromEntries(
    names.map((name) => [
      name,
      async (...args: unknown[]) => {
        calls.push([name, ...args]);
        return name;
      },
    ]),
  ) as unknown as AccessStore;
  const onChanged = jest.fn();
  return { calls, onChanged, handlers: auth({ store, onChanged }) };
}

describe("whoAmI", () => {
  const ask = (access: Access) => given().handlers.whoAmI(create(WhoAmIRequestSchema), callWith(access));

  test("says who calls and which rights count, by module", async () => {
    expect(await ask(localAccess())).toEqual({
      principal: { name: "local", kind: PrincipalKind.AGENT, grants: [{ module: "*", verb: Verb.RECORD }] },
      credential: CredentialKind.LOCAL,
      via: "",
    });
  });

  test("for somebody on whose behalf a service calls: what both may do, and until when", async () => {
    const expiresMs = Date.now() + 60_000;
    const access = new Access({
      principal: {
        name: "ann",
        kind: PrincipalKind.PERSON,
        grants: new Map([
          ["pepys", Verb.ADMIN],
          ["cc", Verb.READ],
        ]),
      },
      via: { name: "shell", kind: PrincipalKind.SERVICE, grants: new Map([["*", Verb.RECORD]]) },
      credential: CredentialKind.SERVICE,
      expiresMs,
    });
    expect(await ask(access)).toEqual({
      principal: {
        name: "ann",
        kind: PrincipalKind.PERSON,
        grants: [
          { module: "cc", verb: Verb.READ },
          { module: "pepys", verb: Verb.RECORD },
        ],
      },
      credential: CredentialKind.SERVICE,
      expiresAt: timestampFromMs(expiresMs),
      via: "shell",
    });
  });
});

describe("changes", () => {
  test("are the store's, in the name of the caller; each is told at once", async () => {
    const { handlers, calls, onChanged } = given();
    const made = create(CreateTokenRequestSchema, { name: "bot", kind: PrincipalKind.AGENT });
    const rotated = create(RotateTokenRequestSchema, { name: "bot" });
    const revoked = create(RevokeTokenRequestSchema, { name: "bot" });
    const set = create(SetGrantsRequestSchema, { name: "bot" });
    expect(await handlers.createToken(made, call)).toBe("createToken");
    expect(await handlers.rotateToken(rotated, call)).toBe("rotateToken");
    expect(await handlers.revokeToken(revoked, call)).toEqual({ tokens: "revokeToken" });
    expect(await handlers.setGrants(set, call)).toEqual({ principal: "setGrants" });
    expect(onChanged).toHaveBeenCalledTimes(4);
    expect(calls).toEqual([
      ["createToken", call, made],
      ["rotateToken", call, rotated],
      ["revokeToken", call, revoked],
      ["setGrants", call, set],
    ]);
  });

  test("of the mesh's own principals are refused by name, and nothing is told", async () => {
    const { handlers, calls, onChanged } = given();
    for (const name of ["owner", "local"]) {
      const refused = { reason: ErrorReason.INVALID_FIELD, fields: [{ field: "name" }] };
      await expect(handlers.rotateToken(create(RotateTokenRequestSchema, { name }), call)).rejects.toMatchObject(
        refused,
      );
      await expect(handlers.revokeToken(create(RevokeTokenRequestSchema, { name }), call)).rejects.toMatchObject(
        refused,
      );
      await expect(handlers.setGrants(create(SetGrantsRequestSchema, { name }), call)).rejects.toMatchObject(refused);
    }
    const agent = { name: "bot", kind: PrincipalKind.AGENT, grants: [{ module: "cc", verb: Verb.APPROVE }] };
    await expect(handlers.createToken(create(CreateTokenRequestSchema, agent), call)).rejects.toMatchObject({
      fields: [{ field: "grants[0].verb" }],
    });
    expect([calls, onChanged.mock.calls]).toEqual([[], []]);
  });

  test("a principal may be called as something that every object has", async () => {
    const { handlers } = given();
    const request = create(RotateTokenRequestSchema, { name: "constructor" });
    expect(await handlers.rotateToken(request, call)).toBe("rotateToken");
  });
});

test("lists and the proof of the audit end with the call", async () => {
  const { handlers, calls, onChanged } = given();
  const [tokens, entries] = [create(ListTokensRequestSchema), create(ListAuditRequestSchema)];
  await handlers.listTokens(tokens, call);
  await handlers.listAudit(entries, call);
  const known = { number: 3n, hash: "ab".repeat(32) };
  await handlers.verifyAudit(
    create(VerifyAuditRequestSchema, { knownSealNumber: known.number, knownSealHash: known.hash }),
    call,
  );
  expect(calls).toEqual([
    ["listTokens", tokens, call.signal],
    ["listAudit", entries, call.signal],
    ["verifyAudit", known, call.signal],
  ]);
  expect(onChanged).not.toHaveBeenCalled();
});
