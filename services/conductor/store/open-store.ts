import type pg from "pg";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { GetMemoryRequest, ListMemoriesRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { ForgetMemoriesRequest } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import type { ListModulesRequest, Module, UpdateModuleRequest } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { rightMissingIn } from "#shared/auth/refusals.ts";
import { mayRead, mayRecord, type Scope } from "#shared/auth/scope.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import type { EpochHistory, LogPort } from "#shared/highway/log-port.ts";
import type { Log } from "#shared/log/open-log.ts";
import { assertSchemasCurrent } from "#shared/postgres/assert-schemas-current.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { type AccessStore, accessStore } from "./access/access-store.ts";
import { authSchema } from "./access/auth-schema.ts";
import { authMigrations } from "./access/migrations/auth-migrations.ts";
import { type ChangeCall, type ModuleStateWord, setModuleState, updateModule } from "./change-module.ts";
import { type ConsumersStore, consumersStore } from "./consumers/consumers-store.ts";
import { logEntities, logSchema } from "./entities.ts";
import { Epochs } from "./epochs.ts";
import { findRecorded } from "./find-recorded.ts";
import { type ForgetProgress, forgetMemories } from "./forget-memories.ts";
import { getMemory, readPlaces } from "./get-memory.ts";
import { GroupCommit, type GroupCommitOptions, type Recorded, type Sequence } from "./group-commit.ts";
import { heads } from "./heads.ts";
import { listMemories, type MemoryPage } from "./list-memories.ts";
import { logMigrations } from "./migrations/log-migrations.ts";
import { getModule, listModules, type ModulePage, registerModule } from "./modules.ts";
import { plannerSettings } from "./planner-settings.ts";
import { positionAt } from "./position-at.ts";
import { readEvents } from "./read-events.ts";
import { recordFault } from "./record-fault.ts";
import { type ScratchStore, scratchStore } from "./scratch/scratch-store.ts";

/** For a batch of forgetting: the server's own limit on a statement. */
const forgetTimeoutMs = 5000;

export interface StoreOptions {
  readonly url: string;
  readonly log: Log;
  /** Connections at most, the two of the write path included. Default 10. */
  readonly poolMax?: number;
  /** For a connection. Default 1,500. */
  readonly connectTimeoutMs?: number;
  /** When a reader is told that PostgreSQL does not answer. Default 1,900. */
  readonly readTimeoutMs?: number;
  readonly onCommitted?: GroupCommitOptions["onCommitted"];
  /** Other bounds and times of the write path than its own. */
  readonly commit?: Partial<Omit<GroupCommitOptions, "pool" | "log" | "epochOf" | "readPlaces" | "onCommitted">>;
}

/** The log of one process: what is recorded goes in here, and is read here again. */
export interface Store {
  /**
   * Records one memory; those of one `sequence` in the order given, and without ever being OVERLOADED. Rejects as
   * `cos.conductor.v1` promises: module, key, engine, overload.
   */
  record(scope: Scope, accepted: AcceptedMemory, sequence?: Sequence): Promise<Recorded>;
  /** What an earlier call has recorded under the key of this one; undefined: nothing. Rejects as `record`. */
  findRecorded(scope: Scope, accepted: AcceptedMemory, signal?: AbortSignal): Promise<Recorded | undefined>;
  /** Records all or none. */
  recordAtomic(scope: Scope, accepted: readonly AcceptedMemory[]): Promise<Recorded[]>;
  readonly log: LogPort;
  /** The database behind it, for those who read beside the log: who is let in. */
  readonly postgres: Pick<Postgres, "pool" | "cancelBackend">;
  /** Principals, tokens, rights and the audit: in the same database, and on the same connections. */
  readonly access: AccessStore;
  /** Durable consumers: their places, their members' work, their dead letters. */
  readonly consumers: ConsumersStore;
  readonly scratch: ScratchStore;
  getMemory(scope: Scope, request: GetMemoryRequest, signal?: AbortSignal): Promise<Memory>;
  listMemories(scope: Scope, request: ListMemoriesRequest, signal?: AbortSignal): Promise<MemoryPage>;
  /** Forgets for good, a batch at each step. That the caller may was judged before: the scope only says what it may see. */
  forgetMemories(scope: Scope, request: ForgetMemoriesRequest, call: CallContext): AsyncIterable<ForgetProgress>;
  /** The scope is not looked at: it names modules that are there, and says nothing of one that is to come. */
  registerModule(scope: Scope, module: Module): Promise<Module>;
  getModule(scope: Scope, name: string, signal?: AbortSignal): Promise<Module>;
  listModules(
    scope: Scope,
    request: Pick<ListModulesRequest, "pageSize" | "pageToken">,
    signal?: AbortSignal,
  ): Promise<ModulePage>;
  updateModule(request: UpdateModuleRequest, call: ChangeCall): Promise<Module>;
  /** Retires a module, or brings it back. */
  setModuleState(
    state: ModuleStateWord,
    request: { readonly name: string; readonly revision: bigint },
    call: ChangeCall,
  ): Promise<Module>;
  /** Hears of each new epoch; returns a function that stops it. */
  onEpochChanged(listener: (history: EpochHistory) => void): () => void;
  /** Looks again whether the server is still in the same epoch; `onEpochChanged` hears if it is not. */
  checkEpoch(): Promise<void>;
  /**
   * Resolves when PostgreSQL answers and its schema is good enough; a cheap check, for health. Rejects with SchemaOutdatedError
   * when only `cos migrate` helps, else with ENGINE_UNAVAILABLE.
   */
  ready(): Promise<void>;
  /** Takes no more, answers who waits, closes the connections. */
  close(): Promise<void>;
}

/**
 * Opens the log. No connection is made yet: PostgreSQL may come later, and until then everything rejects with ENGINE_UNAVAILABLE.
 *
 * Every new connection is checked before its first use: is the schema good enough, is it still the same epoch (H3).
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log, connectTimeoutMs = 1500, readTimeoutMs = 1900 } = options;
  const epochs = new Epochs(log, connectTimeoutMs);
  const needed = [
    { schema: logSchema, migrations: logMigrations.map(({ name }) => name) },
    { schema: authSchema, migrations: authMigrations.map(({ name }) => name) },
  ];
  const postgres = await openPostgres({
    url: options.url,
    applicationName: "cos conductor",
    entities: logEntities,
    schema: logSchema,
    migrations: logMigrations,
    ...(options.poolMax === undefined ? {} : { poolMax: options.poolMax }),
    connectTimeoutMs,
    settings: plannerSettings,
    onConnect: async (client) => {
      await assertSchemasCurrent(client, needed, connectTimeoutMs);
      await epochs.check(client);
    },
    log,
  });
  const epochOf = (client: pg.ClientBase): string => epochs.identityOf(client);
  const commit = new GroupCommit({
    ...options.commit,
    pool: postgres.pool,
    log,
    epochOf,
    readPlaces: (places) => readPlaces(postgres, places),
    ...(options.onCommitted === undefined ? {} : { onCommitted: options.onCommitted }),
  });
  const forget = { postgres, log, epochOf, onCommitted: options.onCommitted, batchTimeoutMs: forgetTimeoutMs };
  const modules = { postgres, epoch: () => epochs.history().current.identity, timeoutMs: readTimeoutMs };
  const logPort: LogPort = {
    epochs: () => epochs.history(),
    heads: (signal) => heads(postgres, signal),
    read: (scope, module, after, limits, filter, signal) =>
      readEvents(postgres, scope, { module, after, limits, filter }, signal),
    positionAt: (module, at, signal) => positionAt(postgres, module, at, signal),
  };
  return {
    record: (scope, accepted, sequence) => refusalOf(scope, [accepted], false) ?? commit.record(accepted, sequence),
    findRecorded: (scope, accepted, signal) =>
      refusalOf(scope, [accepted], false) ?? findRecorded(postgres, accepted, modules.epoch, signal),
    recordAtomic: (scope, accepted) => refusalOf(scope, accepted, true) ?? commit.recordAtomic(accepted),
    log: logPort,
    postgres,
    access: accessStore(postgres, readTimeoutMs),
    consumers: consumersStore({ postgres, log: logPort, timeoutMs: readTimeoutMs }),
    scratch: scratchStore(postgres),
    getMemory: (scope, request, signal) => getMemory(postgres, scope, request, signal),
    listMemories: (scope, request, signal) => listMemories(postgres, scope, request, { signal }),
    forgetMemories: (scope, request, call) => forgetMemories(forget, scope, request, call),
    registerModule: (_, module) => registerModule(modules, module),
    getModule: (scope, name, signal) => getModule(modules, scope, name, signal),
    listModules: (scope, request, signal) => listModules(modules, scope, request, signal),
    updateModule: (request, call) => updateModule(modules, request, call),
    setModuleState: (state, request, call) => setModuleState(modules, state, request, call),
    onEpochChanged: (listener) => epochs.onChanged(listener),
    checkEpoch: () => checkEpoch(postgres, epochs),
    ready: () => ready(postgres),
    close: async () => {
      await commit.close();
      await postgres.close();
    },
  };
}

/** A module that the caller may not see is unknown to this caller, for writing too, and in the very same words. */
function refusalOf(scope: Scope, accepted: readonly AcceptedMemory[], atomic: boolean): Promise<never> | undefined {
  const n = accepted.findIndex(({ module }) => !mayRecord(scope, module));
  const refused = accepted[n];
  if (refused === undefined) return undefined;
  if (mayRead(scope, refused.module)) return Promise.reject(rightMissingIn(Verb.RECORD, refused.module));
  return Promise.reject(recordFault("module_unknown", refused, atomic ? `requests[${n}].` : ""));
}

async function checkEpoch(postgres: Postgres, epochs: Epochs): Promise<void> {
  const client = await postgres.pool.connect();
  try {
    await epochs.check(client);
  } catch (error) {
    // It may have failed within its transaction, where nothing else could succeed.
    client.release(true);
    throw error;
  }
  client.release();
}

async function ready(postgres: Postgres): Promise<void> {
  try {
    await queryAbortably(postgres, { text: "select" });
  } catch (error) {
    const { cause } = error as CosError;
    throw cause instanceof SchemaOutdatedError ? cause : error;
  }
}
