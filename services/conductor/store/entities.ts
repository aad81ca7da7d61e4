import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** The PostgreSQL schema that the conductor owns. No other service reads or writes it. */
export const logSchema = "mem0_cc";

/** A namespace with an order of its own. Never deleted: a name and a number are given once. */
export const ModuleEntity = defineEntity({
  name: "Module",
  tableName: "module",
  schema: logSchema,
  properties: {
    name: p.text().primary(),
    number: p.integer().unique("module_number_unique"),
    title: p.text(),
    description: p.text().default(""),
    state: p.text().default("active"),
    createdAt: p.datetime().columnType("timestamptz(6)").defaultRaw("now()"),
    updatedAt: p.datetime().columnType("timestamptz(6)").defaultRaw("now()"),
    revision: p.bigint("number").defaultRaw("1"),
    // What the module sets; null: as it is by default (domain/module-settings.ts).
    language: p.text().nullable(),
    scratchNotesMax: p.bigint("number").nullable(),
    scratchBytesMax: p.bigint("number").nullable(),
    scratchTtlMs: p.bigint("number").nullable(),
    scratchTtlMaxMs: p.bigint("number").nullable(),
  },
});

export type ModuleRow = InferEntity<typeof ModuleEntity>;

/**
 * The last position of each module: the row that `record_batch` locks, and the only one it updates; and that of its last forgetting,
 * 0 for none, which `forget_batch` sets.
 */
export const HeadEntity = defineEntity({
  name: "Head",
  tableName: "head",
  schema: logSchema,
  properties: {
    module: p.text().primary(),
    position: p.bigint("number").defaultRaw("0"),
    recordedAt: p.datetime().columnType("timestamptz(6)").nullable(),
    forgetting: p.bigint("number").defaultRaw("0"),
  },
});

/** What was recorded, a row for each position. Written by `record_batch` alone, emptied by `forget_batch`. */
export const MemoryEntity = defineEntity({
  name: "Memory",
  tableName: "memory",
  schema: logSchema,
  properties: {
    module: p.text().primary(),
    position: p.bigint("number").primary(),
    id: p.uuid(),
    eventType: p.text(),
    source: p.text().default(""),
    text: p.text().default(""),
    occurredAt: p.datetime().columnType("timestamptz(6)"),
    recordedAt: p.datetime().columnType("timestamptz(6)"),
    sessionId: p.text().nullable(),
    tags: p.array().columnType("text[]").defaultRaw("'{}'"),
    payload: p.json<Record<string, unknown>>().columnType("jsonb").nullable(),
    payloadType: p.text().nullable(),
    requestId: p.text().default(""),
    traceId: p.text().nullable(),
    traceparent: p.text().nullable(),
    causationId: p.uuid().nullable(),
    promptTrace: p.json<Record<string, unknown>>().columnType("jsonb").nullable(),
    idempotencyKey: p.text().nullable(),
    contentHash: p.blob().columnType("bytea").nullable(),
    size: p.integer(),
    forgottenAt: p.datetime().columnType("timestamptz(6)").nullable(),
    recordedBy: p.text().nullable(),
  },
  uniques: [
    { name: "memory_module_id", properties: ["module", "id"] },
    {
      name: "memory_module_key",
      expression:
        'create unique index "memory_module_key" on "mem0_cc"."memory" ("module", "idempotency_key") where "idempotency_key" is not null',
    },
  ],
  indexes: [
    { name: "memory_id", properties: ["id"] },
    { name: "memory_module_occurred", properties: ["module", "occurredAt", "position"] },
    {
      name: "memory_module_session",
      expression:
        'create index "memory_module_session" on "mem0_cc"."memory" ("module", "session_id", "position") where "session_id" is not null',
    },
  ],
});

/** The histories of the log, the present one last (H3). */
export const EpochEntity = defineEntity({
  name: "Epoch",
  tableName: "epoch",
  schema: logSchema,
  properties: {
    generation: p.integer().primary().autoincrement(false),
    identity: p.text().unique("epoch_identity_unique"),
    systemIdentifier: p.text(),
    timeline: p.bigint("number"),
    databaseOid: p.bigint("number"),
    forks: p.json<Record<string, number>>().columnType("jsonb").defaultRaw("'{}'"),
    beganAt: p.datetime().columnType("timestamptz(6)").defaultRaw("now()"),
    // Spelt as PostgreSQL gives it back, so that the comparison with the migrations finds no difference.
    tokenSecret: p
      .blob()
      .columnType("bytea")
      .defaultRaw(
        "decode(replace(((gen_random_uuid())::text || (gen_random_uuid())::text), '-'::text, ''::text), 'hex'::text)",
      ),
  },
});

export const logEntities = [ModuleEntity, HeadEntity, MemoryEntity, EpochEntity];
