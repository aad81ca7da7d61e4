// Who is answered what: written by hand, apart from the code that it judges. An RPC without a row fails the test.
import type { JsonObject } from "@bufbuild/protobuf";

/** What a call comes to: `ok`, NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED. */
export type Outcome = "ok" | "NF" | "PD" | "UA";

/** Where a caller's right is: in the module that the request is about, in another one, or in all. */
export type Place = "here" | "there" | "everywhere";

export type Right = "read" | "record" | "approve" | "admin";

/** The answers to the four rights at one place, from READ to ADMIN. */
type Four = readonly [read: Outcome, record: Outcome, approve: Outcome, admin: Outcome];

export interface Row {
  /** A good request about the module `here`; `n` makes names that nobody has taken. */
  readonly request: (n: number) => JsonObject;
  /** To somebody whom the mesh does not know, or no more. */
  readonly unknown: Outcome;
  /** To somebody who is known and has no right at all. */
  readonly nothing: Outcome;
  readonly here: Four;
  readonly there: Four;
  readonly everywhere: Four;
  /** It is for services of the mesh, and for whom they call: to everybody else who is known, PD. */
  readonly servicesOnly?: boolean;
}

const all = (outcome: Outcome): Four => [outcome, outcome, outcome, outcome];

const memory = (module: string) => ({ memory: { module, eventType: "note", source: "matrix", text: "Up betimes" } });

/** It is about one module, and reading it is enough: whoever may not, does not learn that it is there. */
export const reads = (request: Row["request"]): Row => ({
  request,
  unknown: "UA",
  nothing: "NF",
  here: all("ok"),
  there: all("NF"),
  everywhere: all("ok"),
});

/** It is about one module, and more than reading is needed. */
export const needs = (four: Four, request: Row["request"]): Row => ({
  request,
  unknown: "UA",
  nothing: "NF",
  here: four,
  there: all("NF"),
  everywhere: four,
});

/** It is between services, about one module: the kind is judged before the module is looked at. */
const needsService = (four: Four, request: Row["request"]): Row => ({
  ...needs(four, request),
  nothing: "PD",
  servicesOnly: true,
});

/** It is about the mesh: no right in single modules is enough. */
export const needsEverywhere = (four: Four, request: Row["request"]): Row => ({
  request,
  unknown: "UA",
  nothing: "PD",
  here: all("PD"),
  there: all("PD"),
  everywhere: four,
});

/** It is for everybody who is known. */
export const forAllKnown = (request: Row["request"], unknown: Outcome = "UA"): Row => ({
  request,
  unknown,
  nothing: "ok",
  here: all("ok"),
  there: all("ok"),
  everywhere: all("ok"),
});

export const RECORD: Four = ["PD", "ok", "ok", "ok"];
export const ADMIN: Four = ["PD", "PD", "PD", "ok"];

const CONDUCTOR = "cos.conductor.v1.ConductorService";
const GRAPH_LOG = "cos.conductor.v1.GraphLogService";
const MODULES = "cos.conductor.v1.ModuleService";
const SCRATCH = "cos.conductor.v1.ScratchService";
const AUTH = "cos.auth.v1.AuthService";
const HIGHWAY = "cos.highway.v1.HighwayService";

export const TABLE: Readonly<Record<string, Row>> = {
  [`${CONDUCTOR}/RecordMemory`]: needs(RECORD, () => memory("here")),
  [`${CONDUCTOR}/BatchRecordMemories`]: needs(RECORD, () => ({ requests: [memory("here")] })),
  // The stream is for whoever may record somewhere; each item is judged by itself.
  [`${CONDUCTOR}/RecordMemories`]: {
    request: () => ({ requests: [memory("here")] }),
    unknown: "UA",
    nothing: "PD",
    here: RECORD,
    there: ["PD", "NF", "NF", "NF"],
    everywhere: RECORD,
  },
  [`${CONDUCTOR}/GetMemory`]: reads(() => ({ module: "here", position: "1" })),
  [`${CONDUCTOR}/ListMemories`]: reads(() => ({ module: "here" })),
  [`${CONDUCTOR}/Subscribe`]: reads(() => ({ modules: ["here"] })),
  [`${CONDUCTOR}/ForgetMemories`]: needs(ADMIN, () => ({
    module: "here",
    sessionId: "nobody's",
    reason: "matrix",
    dryRun: true,
  })),
  [`${GRAPH_LOG}/RecordGraphAct`]: needsService(RECORD, () => ({
    module: "here",
    merged: { entities: [{ kind: "person", name: "Betty" }], into: { kind: "person", name: "Elizabeth Pepys" } },
  })),
  [`${MODULES}/RegisterModule`]: needsEverywhere(RECORD, (n) => ({ module: { name: `fresh_${n}` } })),
  [`${MODULES}/GetModule`]: reads(() => ({ name: "here" })),
  [`${MODULES}/ListModules`]: forAllKnown(() => ({})),
  // The consumers "here" and "doomed" read the module "here"; the owner has created them.
  [`${HIGHWAY}/CreateConsumer`]: reads((n) => ({ consumer: { name: `fresh-${n}`, modules: ["here"] } })),
  [`${HIGHWAY}/GetConsumer`]: reads(() => ({ name: "here" })),
  [`${HIGHWAY}/ListConsumers`]: forAllKnown(() => ({})),
  [`${HIGHWAY}/UpdateConsumer`]: needs(ADMIN, () => ({ consumer: { name: "here" }, updateMask: "description" })),
  [`${HIGHWAY}/DeleteConsumer`]: needs(ADMIN, () => ({ name: "doomed" })),
  [`${HIGHWAY}/SeekConsumer`]: needs(ADMIN, () => ({ name: "here", end: true })),
  [`${HIGHWAY}/Consume`]: reads(() => ({ join: { consumer: "here" } })),
  [`${HIGHWAY}/ConsumeServer`]: reads(() => ({ join: { consumer: "here" } })),
  [`${HIGHWAY}/Ack`]: reads(() => ({ consumer: "here", generation: "1000000" })),
  [`${HIGHWAY}/ListDeadLetters`]: reads(() => ({ consumer: "here" })),
  [`${HIGHWAY}/ReplayDeadLetters`]: needs(ADMIN, () => ({ consumer: "here", selector: { all: true } })),
  [`${HIGHWAY}/PurgeDeadLetters`]: needs(ADMIN, () => ({ consumer: "here", selector: { all: true }, count: "1" })),
  [`${MODULES}/UpdateModule`]: needs(ADMIN, (n) => ({
    module: { name: "here", description: `changed ${n}` },
    updateMask: "description",
  })),
  // Of a revision that it will never have: other rows need the module as it is.
  [`${MODULES}/RetireModule`]: needs(ADMIN, () => ({ name: "here", revision: "999999999" })),
  [`${MODULES}/ReactivateModule`]: needs(ADMIN, () => ({ name: "here" })),
  [`${SCRATCH}/PutNote`]: needs(RECORD, (n) => ({
    note: { module: "here", key: `matrix ${n % 8}`, text: "Up betimes" },
  })),
  [`${SCRATCH}/GetNote`]: reads(() => ({ module: "here", key: "matrix" })),
  [`${SCRATCH}/ListNotes`]: reads(() => ({ module: "here" })),
  [`${SCRATCH}/TouchNote`]: needs(RECORD, () => ({ module: "here", key: "matrix" })),
  [`${SCRATCH}/DeleteNote`]: needs(RECORD, () => ({ module: "here", key: "nobody's" })),
  [`${SCRATCH}/GetScratchStats`]: reads(() => ({ module: "here" })),
  [`${AUTH}/WhoAmI`]: forAllKnown(() => ({})),
  [`${AUTH}/CreateToken`]: needsEverywhere(ADMIN, (n) => ({ name: `fresh-${n}`, kind: "PRINCIPAL_KIND_AGENT" })),
  [`${AUTH}/RotateToken`]: needsEverywhere(ADMIN, () => ({ name: "spare", overlap: "3600s" })),
  [`${AUTH}/RevokeToken`]: needsEverywhere(ADMIN, () => ({
    name: "spare",
    tokenId: "01930000-0000-7000-8000-000000000000",
  })),
  [`${AUTH}/SetGrants`]: needsEverywhere(ADMIN, () => ({ name: "spare", grants: [] })),
  [`${AUTH}/ListTokens`]: needsEverywhere(ADMIN, () => ({})),
  [`${AUTH}/ListAudit`]: needsEverywhere(ADMIN, () => ({})),
  [`${AUTH}/VerifyAudit`]: needsEverywhere(ADMIN, () => ({})),
  "grpc.health.v1.Health/Check": forAllKnown(() => ({}), "ok"),
  "grpc.health.v1.Health/List": forAllKnown(() => ({}), "ok"),
  "grpc.health.v1.Health/Watch": forAllKnown(() => ({}), "ok"),
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": forAllKnown(() => ({ listServices: "" })),
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": forAllKnown(() => ({ listServices: "" })),
};

/** Codes that RPCs answer to a right caller too, because of what the row's request names. */
export const ANSWERS_TOO: ReadonlyMap<string, number> = new Map([
  [`${AUTH}/RevokeToken`, 5],
  // Somebody else has deleted it a moment ago.
  [`${HIGHWAY}/DeleteConsumer`, 5],
  // Nobody has this membership.
  [`${HIGHWAY}/Ack`, 10],
  // There is no dead letter.
  [`${HIGHWAY}/PurgeDeadLetters`, 9],
  [`${SCRATCH}/DeleteNote`, 5],
  [`${MODULES}/RetireModule`, 10],
]);
