// What a request must be answered: judged here from the contracts and a table written by hand, not from the server's code.
import {
  clearField,
  type DescMethod,
  fromBinary,
  fromJsonString,
  getOption,
  hasOption,
  type Message,
  toJsonString,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { output_only } from "#gen/cos/api/v1/annotations_pb.ts";
import { requires, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Answer, Stack } from "./call-raw.ts";

/** Who calls: nobody, somebody who is not known, and principals with rights in every module, or one; one of them is a service. */
export type Who = "nobody" | "stranger" | "reader" | "recorder" | "service" | "administrator";

export const CALLERS: readonly Who[] = ["nobody", "stranger", "reader", "recorder", "service", "administrator"];

const PLACES = ["CURSOR_ABOVE_HEAD", "CURSOR_BELOW_FLOOR", "CURSOR_PAST_FORK", "RESUME_TOKEN_INVALID"];
/** Rules beyond those of the fields: of payloads and event types, of names that are kept, of fields that go together. */
const FURTHER_RULES = "INVALID_FIELD";

/** The reasons with which a right caller's well-formed request may be refused, by RPC. One without a row fails. */
const REASONS: Readonly<Record<string, readonly string[]>> = {
  "cos.conductor.v1.ConductorService/RecordMemory": [
    "MODULE_NOT_FOUND",
    "MODULE_RETIRED",
    "IDEMPOTENCY_KEY_REUSED",
    FURTHER_RULES,
  ],
  "cos.conductor.v1.ConductorService/BatchRecordMemories": [
    "MODULE_NOT_FOUND",
    "MODULE_RETIRED",
    "IDEMPOTENCY_KEY_REUSED",
    FURTHER_RULES,
  ],
  "cos.conductor.v1.ConductorService/RecordMemories": [],
  "cos.conductor.v1.ConductorService/GetMemory": ["MODULE_NOT_FOUND", "MEMORY_NOT_FOUND"],
  "cos.conductor.v1.ConductorService/ListMemories": ["MODULE_NOT_FOUND", "PAGE_TOKEN_INVALID"],
  "cos.conductor.v1.ConductorService/SearchMemories": [
    "MODULE_NOT_FOUND",
    "PAGE_TOKEN_INVALID",
    "CURSOR_ABOVE_HEAD",
    "CURSOR_PAST_FORK",
    "PROJECTION_BEHIND",
    FURTHER_RULES,
  ],
  "cos.conductor.v1.ConductorService/ForgetMemories": ["MODULE_NOT_FOUND"],
  "cos.conductor.v1.ConductorService/Subscribe": ["MODULE_NOT_FOUND", ...PLACES, FURTHER_RULES],
  "cos.conductor.v1.ConductorService/LinkMemories": [
    "MODULE_NOT_FOUND",
    "MEMORY_NOT_FOUND",
    "IDEMPOTENCY_KEY_REUSED",
    FURTHER_RULES,
  ],
  "cos.conductor.v1.ConductorService/ListLinks": ["MODULE_NOT_FOUND", "MEMORY_NOT_FOUND", "PAGE_TOKEN_INVALID"],
  "cos.conductor.v1.ConductorService/UnlinkMemories": ["MODULE_NOT_FOUND", "MEMORY_NOT_FOUND", "LINK_NOT_FOUND"],
  "cos.conductor.v1.ConductorService/GetIngestStatus": ["MODULE_NOT_FOUND", "MEMORY_NOT_FOUND", "PROJECTION_BEHIND"],
  "cos.conductor.v1.ProjectionLogService/ReportProjections": [FURTHER_RULES],
  "cos.conductor.v1.GraphLogService/RecordGraphAct": ["MODULE_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", FURTHER_RULES],
  "cos.conductor.v1.ModuleService/RegisterModule": ["MODULE_EXISTS", FURTHER_RULES],
  "cos.conductor.v1.ModuleService/GetModule": ["MODULE_NOT_FOUND"],
  "cos.conductor.v1.ModuleService/ListModules": ["PAGE_TOKEN_INVALID"],
  "cos.conductor.v1.ModuleService/UpdateModule": ["MODULE_NOT_FOUND", "REVISION_STALE", FURTHER_RULES],
  "cos.conductor.v1.ModuleService/RetireModule": ["MODULE_NOT_FOUND", "MODULE_BUILT_IN", "REVISION_STALE"],
  "cos.conductor.v1.ModuleService/ReactivateModule": ["MODULE_NOT_FOUND", "REVISION_STALE"],
  "cos.highway.v1.HighwayService/CreateConsumer": [
    "MODULE_NOT_FOUND",
    "CONSUMER_EXISTS",
    "QUOTA_EXCEEDED",
    "RIGHT_MISSING",
    ...PLACES,
    FURTHER_RULES,
  ],
  "cos.highway.v1.HighwayService/GetConsumer": ["CONSUMER_NOT_FOUND"],
  "cos.highway.v1.HighwayService/ListConsumers": ["PAGE_TOKEN_INVALID"],
  "cos.highway.v1.HighwayService/UpdateConsumer": [
    "CONSUMER_NOT_FOUND",
    "RIGHT_MISSING",
    "REVISION_STALE",
    FURTHER_RULES,
  ],
  "cos.highway.v1.HighwayService/DeleteConsumer": ["CONSUMER_NOT_FOUND", "RIGHT_MISSING"],
  "cos.highway.v1.HighwayService/SeekConsumer": ["CONSUMER_NOT_FOUND", "RIGHT_MISSING", ...PLACES, FURTHER_RULES],
  "cos.highway.v1.HighwayService/Consume": ["CONSUMER_NOT_FOUND", "MEMBER_REPLACED", FURTHER_RULES],
  "cos.highway.v1.HighwayService/ConsumeServer": ["CONSUMER_NOT_FOUND", "MEMBER_REPLACED"],
  "cos.highway.v1.HighwayService/Ack": ["CONSUMER_NOT_FOUND", "MEMBERSHIP_LOST"],
  "cos.highway.v1.HighwayService/ListDeadLetters": ["CONSUMER_NOT_FOUND", "PAGE_TOKEN_INVALID"],
  "cos.highway.v1.HighwayService/ReplayDeadLetters": ["CONSUMER_NOT_FOUND", "RIGHT_MISSING"],
  "cos.highway.v1.HighwayService/PurgeDeadLetters": ["CONSUMER_NOT_FOUND", "RIGHT_MISSING", "COUNT_MISMATCH"],
  "cos.conductor.v1.ScratchService/PutNote": [
    "MODULE_NOT_FOUND",
    "MODULE_RETIRED",
    "REVISION_STALE",
    "QUOTA_EXCEEDED",
    FURTHER_RULES,
  ],
  "cos.conductor.v1.ScratchService/GetNote": ["MODULE_NOT_FOUND", "NOTE_NOT_FOUND"],
  "cos.conductor.v1.ScratchService/ListNotes": ["MODULE_NOT_FOUND", "PAGE_TOKEN_INVALID"],
  "cos.conductor.v1.ScratchService/TouchNote": [
    "MODULE_NOT_FOUND",
    "MODULE_RETIRED",
    "NOTE_NOT_FOUND",
    "REVISION_STALE",
    FURTHER_RULES,
  ],
  "cos.conductor.v1.ScratchService/DeleteNote": ["MODULE_NOT_FOUND", "NOTE_NOT_FOUND", "REVISION_STALE"],
  "cos.conductor.v1.ScratchService/GetScratchStats": ["MODULE_NOT_FOUND"],
  "cos.auth.v1.AuthService/WhoAmI": [],
  "cos.auth.v1.AuthService/CreateToken": ["PRINCIPAL_EXISTS", FURTHER_RULES],
  "cos.auth.v1.AuthService/RotateToken": ["PRINCIPAL_NOT_FOUND", FURTHER_RULES],
  "cos.auth.v1.AuthService/RevokeToken": ["PRINCIPAL_NOT_FOUND", FURTHER_RULES],
  "cos.auth.v1.AuthService/SetGrants": ["PRINCIPAL_NOT_FOUND", FURTHER_RULES],
  "cos.auth.v1.AuthService/ListTokens": ["PAGE_TOKEN_INVALID"],
  "cos.auth.v1.AuthService/ListAudit": ["PAGE_TOKEN_INVALID"],
  "cos.auth.v1.AuthService/VerifyAudit": [FURTHER_RULES],
  ...reasonsOfGraph(),
  "grpc.health.v1.Health/Check": [unnamed(5)],
  "grpc.health.v1.Health/List": [],
  "grpc.health.v1.Health/Watch": [],
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": [],
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": [],
};

function reasonsOfGraph(): Record<string, readonly string[]> {
  /** Of every read: the module, and the cursor that it waits for. */
  const READS = ["MODULE_NOT_FOUND", "CURSOR_ABOVE_HEAD", "CURSOR_BELOW_FLOOR", "CURSOR_PAST_FORK"];
  const WRITES = ["MODULE_NOT_FOUND", FURTHER_RULES];
  const CHANGES = [...WRITES, "NODE_NOT_FOUND", "ITEM_DERIVED", "REVISION_STALE"];
  const reasons = {
    CreateNode: [...WRITES, "IDEMPOTENCY_KEY_REUSED"],
    GetNode: [...READS, "NODE_NOT_FOUND"],
    UpdateNode: CHANGES,
    DeleteNode: [...CHANGES, "NODE_IN_USE"],
    FindNodes: [...READS, "PAGE_TOKEN_INVALID", FURTHER_RULES],
    CreateRelationship: [...WRITES, "IDEMPOTENCY_KEY_REUSED", "NODE_NOT_FOUND"],
    GetRelationship: [...READS, "RELATIONSHIP_NOT_FOUND"],
    UpdateRelationship: [...CHANGES, "RELATIONSHIP_NOT_FOUND"],
    DeleteRelationship: [...CHANGES, "RELATIONSHIP_NOT_FOUND"],
    BatchChangeGraph: [...CHANGES, "IDEMPOTENCY_KEY_REUSED", "RELATIONSHIP_NOT_FOUND"],
    MergeEntities: [...WRITES, "NODE_NOT_FOUND"],
    SplitEntity: [...WRITES, "NODE_NOT_FOUND"],
    ListAliases: [...READS, "PAGE_TOKEN_INVALID"],
    SearchGraph: [...READS, FURTHER_RULES],
    ListNeighbors: [...READS, "NODE_NOT_FOUND", "PAGE_TOKEN_INVALID"],
    Traverse: [...READS, "NODE_NOT_FOUND"],
    FindShortestPath: [...READS, "NODE_NOT_FOUND", FURTHER_RULES],
    ListEvidence: [...READS, "RELATIONSHIP_NOT_FOUND", "PAGE_TOKEN_INVALID"],
    ListTopics: READS,
    GetStats: READS,
    GetSchema: [],
    // Built anew meanwhile, or as many as may be open.
    ExportGraph: [...READS, "DRAINING", "OVERLOADED"],
    GetProjection: READS,
    RebuildProjection: ["REBUILD_RUNNING"],
    VerifyProjection: ["REBUILD_RUNNING", "MODULE_NOT_FOUND"],
    WatchGraph: [...READS, FURTHER_RULES],
  };
  return Object.fromEntries(Object.entries(reasons).map(([rpc, of]) => [`cos.graph.v1.GraphService/${rpc}`, of]));
}

/** With which reasons single items of RecordMemories may be refused. */
const ITEM_REASONS = new Set(["INVALID_FIELD", "MODULE_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "RIGHT_MISSING"]);

/** A refusal that is another standard's: a code without a reason of ours. */
function unnamed(code: number): string {
  return `code ${code}`;
}

export interface Asked {
  readonly who: Who;
  readonly stack: Stack;
  readonly method: DescMethod;
  readonly body: Uint8Array;
}

/** Why an answer is wrong; undefined: it is right. `codeOf` gives the code of each reason, from docs/errors.md. */
export function mistakeIn(asked: Asked, answer: Answer, codeOf: ReadonlyMap<string, number>): string | undefined {
  const may = expectedOf(asked);
  const said = answer.code === 0 ? "OK" : answer.reason || unnamed(answer.code);
  if (!may.includes(said)) return `${said} (${answer.message.slice(0, 200)}) instead of ${may.join(" or ")}`;
  if (answer.reason !== "" && codeOf.get(answer.reason) !== answer.code) return `${said} with the code ${answer.code}`;
  if (answer.reason === "INVALID_FIELD" && answer.fields.length === 0) return "INVALID_FIELD without a field";
  const odd = answer.faults.find(({ code, reason }) => !ITEM_REASONS.has(reason) || codeOf.get(reason) !== code);
  return odd && `an item refused with ${odd.reason}, code ${odd.code}`;
}

function expectedOf({ who, stack, method, body }: Asked): readonly string[] {
  const name = `${method.parent.typeName}/${method.name}`;
  const right = REASONS[name];
  if (right === undefined) throw new Error(`no row for ${name}`);
  const isForAll = method.parent.typeName === "grpc.health.v1.Health";
  if (who === "nobody" && !isForAll) return ["TOKEN_MISSING"];
  if (who === "stranger" && !isForAll) return ["TOKEN_INVALID"];
  const { verb, servicesOnly } = getOption(method, requires);
  const rights = servicesOnly ? ["KIND_REFUSED"] : rightsOf(who, verb, right);
  // A stream of requests is refused before its first one is looked at.
  const early = method.methodKind === "bidi_streaming" && who === "reader" && verb > Verb.READ ? ["RIGHT_MISSING"] : [];
  switch (judge(method, stack, body)) {
    case "malformed":
      return [
        ...early,
        ...(stack === "Connect, JSON" ? ["MALFORMED_MESSAGE", "INVALID_FIELD"] : ["MALFORMED_MESSAGE"]),
      ];
    case "invalid":
      return [...early, "INVALID_FIELD"];
    case "unsure":
      return [...early, ...rights, "MALFORMED_MESSAGE", "INVALID_FIELD"];
    case "fine":
      if (early.length > 0) return early;
      return [...rights, ...(isLargeJson(stack, body) ? [FURTHER_RULES] : [])];
  }
}

/**
 * A struct over 64 KiB is found before JSON is parsed, when the caller's rights are not judged yet, and the items of a stream not told
 * apart: it ends the stream, where in protobuf's bytes it costs its item alone.
 */
function isLargeJson(stack: Stack, body: Uint8Array): boolean {
  return stack === "Connect, JSON" && body.length > 65_536;
}

function rightsOf(who: Who, verb: Verb, right: readonly string[]): readonly string[] {
  if (who === "reader" && verb > Verb.READ) return ["RIGHT_MISSING"];
  if (who === "service" && verb > Verb.RECORD) return ["RIGHT_MISSING"];
  if (who === "recorder") return ["OK", "RIGHT_MISSING", "MODULE_NOT_FOUND", ...right];
  return ["OK", ...right];
}

const validator = createValidator();

/** Whether the bytes are a request, and keep the contract; unsure: JSON with names that are not known, of
 * which fields are ignored and enums' values refused. */
function judge(method: DescMethod, stack: Stack, body: Uint8Array): "malformed" | "invalid" | "fine" | "unsure" {
  const request = decoded(method, stack, body);
  if (request === undefined) return "malformed";
  clearOutputOnly(reflect(method.input, request));
  if (validator.validate(method.input, request).kind !== "valid" || !isSayable(method, request)) return "invalid";
  return stack === "Connect, JSON" && !isAllKnown(method, body) ? "unsure" : "fine";
}

/** Whether a parser that lets nothing pass that it does not know takes it. */
function isAllKnown({ input }: DescMethod, body: Uint8Array): boolean {
  try {
    fromJsonString(input, Buffer.from(body).toString());
    return true;
  } catch {
    return false;
  }
}

function decoded({ input }: DescMethod, stack: Stack, body: Uint8Array): Message | undefined {
  try {
    if (stack !== "Connect, JSON") return fromBinary(input, body);
    return fromJsonString(input, new TextDecoder("utf-8", { fatal: true }).decode(body), { ignoreUnknownFields: true });
  } catch {
    return undefined;
  }
}

/** Values that protobuf can hold and JSON cannot are refused, since no answer could repeat them. */
function isSayable({ input, methodKind }: DescMethod, request: Message): boolean {
  // Items of streams are judged one by one.
  if (methodKind === "bidi_streaming") return true;
  try {
    toJsonString(input, request);
    return true;
  } catch {
    return false;
  }
}

/** What only the server sets is ignored in a request, so its rules do not count. */
function clearOutputOnly(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (hasOption(field, output_only)) clearField(message.message, field);
    else if (!message.isSet(field)) continue;
    else if (field.fieldKind === "message") clearOutputOnly(message.get(field));
    else if (field.fieldKind === "list" && field.listKind === "message")
      for (const item of message.get(field)) clearOutputOnly(item as ReflectMessage);
  }
}
