import type pg from "pg";
import type { ForgetMemoriesRequest } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../domain/accept-memory.ts";
import { inTransaction } from "./access/in-transaction.ts";
import { announceCommitted, type OnCommitted } from "./announce-committed.ts";
import { type ForgetBatch, forgetBatch } from "./forget-batch.ts";
import { type Census, forgettablePositions, nothingSelected, takeCensus } from "./forgettable.ts";
import { scopeParameter } from "./visibility.ts";

export interface ForgetStore {
  readonly postgres: Postgres;
  readonly log: Log;
  /** The epoch in which a connection records. */
  readonly epochOf: (client: pg.ClientBase) => string;
  readonly onCommitted?: OnCommitted | undefined;
  /** How long one batch may take. */
  readonly batchTimeoutMs: number;
}

/** How far a forgetting has come. */
export interface ForgetProgress extends Census {
  /** Memories that this call has forgotten so far. */
  readonly forgotten: number;
  /** Where the last event stands that this call recorded; undefined: none yet. */
  readonly event: { readonly position: number; readonly epoch: string } | undefined;
  /** The position of the module's last forgetting, of whichever call; 0: there was none. Copies have to obey it. */
  readonly forgetting: number;
  /** The same of other modules, in which the batch that this tells of has ended links. */
  readonly elsewhere: ReadonlyMap<string, number>;
  readonly done: boolean;
}

/**
 * Forgets what the request selects, batch by batch, and tells how far it has come: after each batch, and at the end. The next
 * batch begins when the next step is asked for, so whoever stops listening stops it, with all whole batches done.
 *
 * Rejects with MODULE_NOT_FOUND when the scope does not hold the module, the signal's reason, or ENGINE_UNAVAILABLE; what was
 * told by then is committed, and calling again takes it up.
 */
export async function* forgetMemories(
  store: ForgetStore,
  scope: Scope,
  request: ForgetMemoriesRequest,
  call: CallContext,
): AsyncGenerator<ForgetProgress, void, undefined> {
  const module = request.module === "" ? defaultModule : request.module;
  const { signal } = call;
  const forAudit = auditOf(request);
  const head = await readHead(store.postgres, scope, module, signal);
  const selection = { module, selector: request.selector, through: head.position };
  const census = await takeCensus(store.postgres, selection, signal);
  let progress: ForgetProgress = {
    ...census,
    forgotten: 0,
    event: undefined,
    forgetting: head.forgetting,
    elsewhere: new Map(),
    done: false,
  };
  const positions = request.dryRun || census.found === 0 ? [] : forgettablePositions(store.postgres, selection, signal);
  for await (const batch of positions) {
    progress = await forget(store, { module, positions: batch, ...forAudit }, call, progress);
    yield progress;
  }
  yield { ...progress, elsewhere: new Map(), done: true };
}

async function forget(
  store: ForgetStore,
  batch: ForgetBatch,
  call: CallContext,
  progress: ForgetProgress,
): Promise<ForgetProgress> {
  const { postgres, log, onCommitted, batchTimeoutMs: timeoutMs } = store;
  // Not with the call's signal: a batch that was begun is finished, so that its commit is told of.
  call.signal.throwIfAborted();
  const forgotten = await inTransaction(postgres, { timeoutMs }, async (client) => {
    const done = await forgetBatch(client, batch, call);
    return done && { ...done, epoch: store.epochOf(client) };
  });
  if (forgotten === undefined) return { ...progress, elsewhere: new Map() };
  const { position, events, epoch, count } = forgotten;
  const elsewhere = new Map<string, number>();
  for (const [module, told] of Map.groupBy(events, (each) => each.module)) {
    if (onCommitted !== undefined) announceCommitted(module, told, { onCommitted, log });
    if (module !== batch.module) elsewhere.set(module, told.at(-1)!.position);
  }
  return {
    ...progress,
    forgotten: progress.forgotten + count,
    event: { position, epoch },
    forgetting: position,
    elsewhere,
  };
}

/** Of the selector its kind alone. */
function auditOf({ selector, reason }: ForgetMemoriesRequest): Pick<ForgetBatch, "selector" | "reason"> {
  const kinds = { ids: "ids", sessionId: "session", source: "source", wholeModule: "module" } as const;
  if (selector.case === undefined) throw nothingSelected();
  return { selector: kinds[selector.case], reason };
}

async function readHead(postgres: Postgres, scope: Scope, module: string, signal: AbortSignal) {
  const [head] = await queryAbortably<{ position: string; forgetting: string }>(postgres, {
    text: `select h.position, h.forgetting from mem0_cc.head h
           where h.module = $1 and ($2::text[] is null or h.module = any($2))`,
    values: [module, scopeParameter(scope)],
    signal,
  });
  if (head === undefined) throw moduleNotFound(module);
  return { position: Number(head.position), forgetting: Number(head.forgetting) };
}
