import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Module, UpdateModuleRequest } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type ModuleSettings, updatedSettings } from "../domain/module-settings.ts";
import { inTransaction } from "./access/in-transaction.ts";
import { type Act, writeAudit } from "./access/write-audit.ts";
import { moduleColumns, moduleOf, rowOfStored, type StoredModule, settingsOfRow } from "./module-rows.ts";
import type { ModuleStore } from "./modules.ts";
import { scopeParameter } from "./visibility.ts";

/** Who changes a module, and in which call. */
export type ChangeCall = Pick<CallContext, "access" | "scope" | "requestId" | "signal">;

export type ModuleStateWord = "active" | "retired";

interface Change {
  readonly name: string;
  /** The revision that was read; 0: whichever. */
  readonly revision: bigint;
}

/**
 * Changes what the mask names of a module, and writes the audit. Rejects with MODULE_NOT_FOUND, REVISION_STALE, INVALID_FIELD, or as
 * `inTransaction`.
 */
export function updateModule(store: ModuleStore, request: UpdateModuleRequest, call: ChangeCall): Promise<Module> {
  const { module, updateMask, revision } = request;
  const { name } = module!;
  const paths = updateMask?.paths ?? [];
  return change(store, { name, revision }, call, async (client, stored) => {
    await writeSettings(client, name, updatedSettings(settingsOfRow(stored), module!, paths));
    return { action: "module.updated", target: name, details: { fields: paths.join(",") } };
  });
}

/**
 * Retires a module, or brings it back, and writes the audit; one that is so already stays as it is. Rejects with MODULE_BUILT_IN for
 * `cc`, MODULE_NOT_FOUND, REVISION_STALE, or as `inTransaction`.
 *
 * The head is locked, and what record_batch locks (B1) and put_note locks (N1, N2): whoever holds one of those has seen the module active
 * and commits before this does; whoever comes later sees it retired.
 */
export function setModuleState(
  store: ModuleStore,
  state: ModuleStateWord,
  request: Change,
  call: ChangeCall,
): Promise<Module> {
  const { name } = request;
  return change(store, request, call, async (client, stored) => {
    if (state === "retired" && name === "cc") throw builtIn();
    if (stored.state === state) return undefined;
    const text = `update mem0_cc.module set state = $2, updated_at = clock_timestamp(), revision = revision + 1 where name = $1`;
    await client.query(text, [name, state]);
    return { action: state === "retired" ? "module.retired" : "module.reactivated", target: name, details: {} };
  });
}

/** `make` answers with what the audit is to say; undefined: nothing was changed. */
async function change(
  store: ModuleStore,
  { name, revision }: Change,
  call: ChangeCall,
  make: (client: pg.ClientBase, stored: StoredModule) => Promise<Act | undefined>,
): Promise<Module> {
  const { postgres, timeoutMs } = store;
  // Not with the call's signal: what was begun is finished, so that no caller is told less than was done.
  call.signal.throwIfAborted();
  return inTransaction(postgres, { timeoutMs }, async (client) => {
    const position = await lockModule(client, name, call);
    const stored = await readModule(client, name);
    if (revision !== 0n && BigInt(stored.revision) !== revision) throw stale(stored);
    const act = await make(client, stored);
    if (act !== undefined) await writeAudit(client, call, act);
    return moduleOf(rowOfStored(await readModule(client, name)), position, store.epoch());
  });
}

/** Locks the head and the notes of a module against every write; answers with the head's position. */
async function lockModule(client: pg.ClientBase, name: string, { scope }: ChangeCall): Promise<number> {
  const head = await client.query<{ position: string }>({
    text: `select h.position from mem0_cc.head h
           where h.module = $1 and ($2::text[] is null or h.module = any($2)) for no key update`,
    values: [name, scopeParameter(scope)],
  });
  const [row] = head.rows;
  if (row === undefined) throw moduleNotFound(name);
  await client.query("select mem0_cc.lock_scratch($1)", [name]);
  return Number(row.position);
}

/** A statement of its own, after the locks: it sees what was committed before them. */
async function readModule(client: pg.ClientBase, name: string): Promise<StoredModule> {
  const text = `select ${moduleColumns} from mem0_cc.module m where m.name = $1`;
  const { rows } = await client.query<StoredModule>(text, [name]);
  return rows[0]!;
}

async function writeSettings(client: pg.ClientBase, name: string, settings: ModuleSettings): Promise<void> {
  await client.query(
    `update mem0_cc.module
     set title = $2, description = $3, language = $4, scratch_notes_max = $5, scratch_bytes_max = $6, scratch_ttl_ms = $7,
         scratch_ttl_max_ms = $8, updated_at = clock_timestamp(), revision = revision + 1
     where name = $1`,
    [
      name,
      settings.title,
      settings.description,
      settings.language,
      settings.scratchNotesMax,
      settings.scratchBytesMax,
      settings.scratchTtlMs,
      settings.scratchTtlMaxMs,
    ],
  );
}

function stale({ name, revision }: StoredModule): CosError {
  return new CosError(
    ErrorReason.REVISION_STALE,
    `module "${name}" has revision ${revision} by now: read it again, decide again`,
    {
      resource: { type: "module", name },
      fields: [{ field: "revision", description: `must be the current one: ${revision}` }],
    },
  );
}

function builtIn(): CosError {
  return new CosError(ErrorReason.MODULE_BUILT_IN, 'module "cc" is built in and cannot be retired', {
    resource: { type: "module", name: "cc" },
  });
}
