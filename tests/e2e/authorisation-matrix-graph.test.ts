// Every RPC of the graph, for every kind of caller, over both stacks, against a table written by hand (tests/support/authorisation).
import type { DescService } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as AlphaServerReflection } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { type Caller, moduleOf, outcomeOf, ROLES } from "#tests/support/authorisation/callers.ts";
import { GRAPH_ANSWERS_TOO, GRAPH_TABLE, SESSION } from "#tests/support/authorisation/graph-table.ts";
import { type Judged, judgeCalls, nameOf, unlikeAbsent } from "#tests/support/authorisation/judge-calls.ts";
import { type Right, TABLE } from "#tests/support/authorisation/table.ts";
import { openSecuredMesh, type SecuredMesh } from "#tests/support/secured-mesh.ts";

jest.setTimeout(120_000);

/** The services that a graph serves; a test below holds them against its own reflection. */
const SERVICES: readonly DescService[] = [GraphService, Health, ServerReflection, AlphaServerReflection];
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
  mesh = await openSecuredMesh({ graph: true });
  const target = { address: mesh.graphAddress, ca: mesh.ca };
  judged = { target, methods: METHODS, table: { ...TABLE, ...GRAPH_TABLE }, answersToo: GRAPH_ANSWERS_TOO };
  for (const name of ["here", "there"]) await mesh.owner.modules.registerModule({ module: { name } });
  const memory = { module: "here", eventType: "note", source: "matrix", text: "Up betimes", sessionId: SESSION };
  const { cursor } = await mesh.owner.conductor.recordMemory({ memory });
  const transport = openTransport({ address: mesh.graphAddress, tls: { ca: mesh.ca }, token: mesh.ownerToken });
  await createClient(GraphService, transport).getStats({ module: "here", atLeast: cursor! });
  transport.close();
});
afterAll(() => mesh?.stop());

async function judge(caller: Caller): Promise<void> {
  expect(await judgeCalls(judged, caller)).toEqual([]);
}

test("the table has a row for every RPC that is served, and no other", async () => {
  const served = await mesh.servedNames(mesh.graphAddress);
  expect(served).toEqual(SERVICES.map(({ typeName }) => typeName).sort());
  expect(Object.keys(GRAPH_TABLE).sort()).toEqual(GraphService.methods.map(nameOf).sort());
});

const unknown: readonly (readonly [string, () => Caller["credential"]])[] = [
  ["without a token", () => ({ kind: "none" })],
  ["with a token nobody made", () => ({ kind: "token", secret: makeApiToken(PrincipalKind.PERSON) })],
  [
    "with a signed token for others",
    () => ({ kind: "token", secret: mesh.issuer.sign({ claims: { aud: "others" } }) }),
  ],
];
test.each(unknown)("unknown callers, %s, are answered health checks and nothing else", async (name, credentialOf) => {
  await judge({ name, credential: credentialOf(), outcome: (row) => row.unknown });
});

test("a known caller without any right sees nothing", async () => {
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
  ["spiffe://cos/there-read", "agent", "there", "read"],
] as const)("a certificate alone, of %s, a %s, is answered as the table says", async (name, kind, place, right) => {
  await judge({ name, credential: await mesh.certificateOf(name), outcome: outcomeOf({ kind, place, right }) });
});

test("a signed token of a group is answered as the table says", async () => {
  const secret = mesh.issuer.sign({ claims: { groups: ["recorders"], account: "human" } });
  const outcome = outcomeOf({ kind: "person", place: "here", right: "record" });
  await judge({ name: "recorders", credential: { kind: "token", secret }, outcome });
});

test("what may not be seen is refused in the very words of what does not exist", async () => {
  const grants = [{ module: "there", verb: Verb.ADMIN }];
  const { secret } = await mesh.owner.auth.createToken({ name: "stranger", kind: PrincipalKind.PERSON, grants });
  const caller: Caller = { name: "stranger", credential: { kind: "token", secret }, outcome: (row) => row.nothing };
  expect(await unlikeAbsent(judged, caller)).toEqual([]);
});
