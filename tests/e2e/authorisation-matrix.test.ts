// Every RPC, for every kind of caller, over both stacks, against a table written by hand (tests/support/authorisation).
import { randomUUID } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService, CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { GraphLogService } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as AlphaServerReflection } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { type Caller, type Kind, moduleOf, outcomeOf, ROLES, rowNames } from "#tests/support/authorisation/callers.ts";
import { type Judged, judgeCalls, nameOf, unlikeAbsent } from "#tests/support/authorisation/judge-calls.ts";
import {
  ANSWERS_TOO,
  type Outcome,
  type Place,
  type Right,
  type Row,
  TABLE,
} from "#tests/support/authorisation/table.ts";
import { openSecuredMesh, type SecuredMesh } from "#tests/support/secured-mesh.ts";

jest.setTimeout(120_000);

/** The services that a conductor serves; a test below holds them against its own reflection. */
const SERVICES: readonly DescService[] = [
  ConductorService,
  GraphLogService,
  ModuleService,
  ScratchService,
  AuthService,
  HighwayService,
  Health,
  ServerReflection,
  AlphaServerReflection,
];
const METHODS = SERVICES.flatMap((service) => service.methods);
const VERBS: Readonly<Record<Right, Verb>> = {
  read: Verb.READ,
  record: Verb.RECORD,
  approve: Verb.APPROVE,
  admin: Verb.ADMIN,
};
const KINDS = { person: PrincipalKind.PERSON, agent: PrincipalKind.AGENT, service: PrincipalKind.SERVICE };

let mesh: SecuredMesh;
let judged: Judged;
beforeAll(async () => {
  mesh = await openSecuredMesh();
  judged = { target: { address: mesh.address, ca: mesh.ca }, methods: METHODS, table: TABLE, answersToo: ANSWERS_TOO };
  for (const name of ["here", "there"]) await mesh.owner.modules.registerModule({ module: { name } });
  const memory = { module: "here", eventType: "note", source: "matrix", text: "Up betimes" };
  await mesh.owner.conductor.recordMemory({ memory });
  await mesh.owner.scratch.putNote({ note: { module: "here", key: "matrix", text: "Up betimes" } });
  await mesh.owner.auth.createToken({ name: "spare", kind: PrincipalKind.AGENT });
  await createConsumer("here");
});
afterAll(() => mesh?.stop());

test("the table has a row for every RPC that is served, and no other", async () => {
  const served = await mesh.servedNames();
  expect(served).toEqual(SERVICES.map(({ typeName }) => typeName).sort());
  expect(rowNames().sort()).toEqual(METHODS.map(nameOf).sort());
});

describe("unknown callers", () => {
  const unknown: readonly (readonly [string, () => Promise<Caller["credential"]>])[] = [
    ["without a token", async () => ({ kind: "none" })],
    ["with a token in no form of ours", async () => ({ kind: "token", secret: "let-me-in" })],
    ["with a token nobody made", async () => ({ kind: "token", secret: makeApiToken(PrincipalKind.PERSON) })],
    ["with a mistyped token", async () => ({ kind: "token", secret: mistyped(mesh.ownerToken) })],
    ["with an expired token", async () => ({ kind: "token", secret: await expiredToken() })],
    ["with a revoked token", async () => ({ kind: "token", secret: await revokedToken() })],
    [
      "with a signed token for others",
      async () => ({ kind: "token", secret: mesh.issuer.sign({ claims: { aud: "others" } }) }),
    ],
    ["with the certificate of a name that is not listed", async () => mesh.certificateOf("spiffe://cos/stranger")],
  ];
  test.each(unknown)("%s are answered health checks and nothing else", async (name, credentialOf) => {
    await judge({ name, credential: await credentialOf(), outcome: (row) => row.unknown });
  });
});

test("a known caller without any right may ask who it is, and sees nothing", async () => {
  const { secret } = await mesh.owner.auth.createToken({ name: "bare", kind: PrincipalKind.PERSON });
  await judge({ name: "bare", credential: { kind: "token", secret }, outcome: (row) => row.nothing });
});

test.each(ROLES.map((role) => [role.name, role] as const))("%s is answered as the table says", async (name, role) => {
  const grants = [{ module: moduleOf(role.place), verb: VERBS[role.right] }];
  const { secret } = await mesh.owner.auth.createToken({ name, kind: KINDS[role.kind], grants });
  await judge({ name, credential: { kind: "token", secret }, outcome: outcomeOf(role) });
});

test.each([
  ["spiffe://cos/here-record", "service", "here", "record"],
  ["spiffe://cos/everywhere-admin", "service", "everywhere", "admin"],
  ["spiffe://cos/there-read", "agent", "there", "read"],
] as const)("a certificate alone, of %s, a %s, is answered as the table says", async (name, kind, place, right) => {
  await judge({ name, credential: await mesh.certificateOf(name), outcome: outcomeOf({ kind, place, right }) });
});

// The graph may record everywhere, and so nobody does more through it; whom it calls for may be of any kind.
test.each<[Kind, Place, Right, Right]>([
  ["person", "here", "record", "record"],
  ["agent", "everywhere", "record", "record"],
  ["person", "everywhere", "admin", "record"],
  ["service", "there", "record", "record"],
  ["agent", "here", "read", "read"],
])("the graph, for a %s who has the right %s: %s, is answered as the table says", async (kind, place, held, left) => {
  const grants = new Map([[moduleOf(place), VERBS[held]]]);
  const principal = { name: `for-${kind}-${place}-${held}`, kind: KINDS[kind], grants };
  const actor = new Access({ principal, credential: CredentialKind.TOKEN });
  const secret = await mesh.graph.mint({ audience: "conductor", actor });
  const outcome = outcomeOf({ kind, place, right: left }, true);
  await judge({ name: principal.name, credential: { kind: "token", secret }, outcome });
});

test("the graph, for somebody without any right, is answered as the table says", async () => {
  const principal = { name: "for-bare", kind: PrincipalKind.PERSON, grants: new Map() };
  const actor = new Access({ principal, credential: CredentialKind.TOKEN });
  const secret = await mesh.graph.mint({ audience: "conductor", actor });
  // The kind is right: what is missing then is the module.
  const outcome = (row: Row): Outcome => (row.servicesOnly === true ? "NF" : row.nothing);
  await judge({ name: principal.name, credential: { kind: "token", secret }, outcome });
});

test.each([
  ["recorders", "human", "here", "record"],
  ["administrators", "human", "everywhere", "admin"],
  ["readers", "robot", "there", "read"],
  // An unmapped kind is an agent's, which never administers, whatever its group is given.
  ["administrators", "robot", "everywhere", "record"],
] as const)(
  "a signed token of the group %s, of a %s, is answered as the table says",
  async (group, account, place, right) => {
    const secret = mesh.issuer.sign({ claims: { groups: [group], account } });
    const kind = account === "human" ? "person" : "agent";
    await judge({ name: group, credential: { kind: "token", secret }, outcome: outcomeOf({ kind, place, right }) });
  },
);

test.each([0, 1, 2, 3] as const)("what an agent may not be given, it is not given: grant %#", async (n) => {
  const verb = [Verb.READ, Verb.RECORD, Verb.APPROVE, Verb.ADMIN][n] as Verb;
  const name = `greedy-${n}`;
  const made = mesh.owner.auth.createToken({ name, kind: PrincipalKind.AGENT, grants: [{ module: "*", verb }] });
  if (verb <= Verb.RECORD) await made;
  else await expect(made).rejects.toThrow(/grants\[0\].verb/);
});

test("what may not be seen is refused in the very words of what does not exist", async () => {
  const grants = [{ module: "there", verb: Verb.ADMIN }];
  const { secret } = await mesh.owner.auth.createToken({ name: "stranger", kind: PrincipalKind.PERSON, grants });
  const caller: Caller = { name: "stranger", credential: { kind: "token", secret }, outcome: (row) => row.nothing };
  expect(await unlikeAbsent(judged, caller)).toEqual([]);
});

async function createConsumer(name: string): Promise<void> {
  const highway = createClient(HighwayService, mesh.owner.transport);
  await highway.createConsumer({ consumer: { name, modules: ["here"] } });
}

/** Every RPC, over both stacks, by one caller. */
async function judge(caller: Caller): Promise<void> {
  // The caller before may have been one who may delete it.
  await createConsumer("doomed");
  expect(await judgeCalls(judged, caller)).toEqual([]);
}

function mistyped(token: string): string {
  return token.slice(0, -1) + (token.endsWith("a") ? "b" : "a");
}

async function expiredToken(): Promise<string> {
  const secret = makeApiToken(PrincipalKind.SERVICE);
  const values = [randomUUID(), "spare", hashOfApiToken(secret)];
  await mesh.query(
    `insert into cos_auth.token (id, principal, hash, created_by, expires_at) values ($1, $2, $3, 'owner', now() - interval '1 s')`,
    values,
  );
  return secret;
}

async function revokedToken(): Promise<string> {
  const { secret } = await mesh.owner.auth.createToken({ name: "revoked", kind: PrincipalKind.PERSON });
  await mesh.owner.auth.revokeToken({ name: "revoked" });
  return secret;
}
