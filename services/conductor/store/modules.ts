import { UniqueConstraintViolationException } from "@mikro-orm/core";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { ListModulesRequest, Module } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf } from "#shared/paging/page-token.ts";
import { engineError, postgresUnavailable } from "#shared/postgres/engine-error.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { settingsOf } from "../domain/module-settings.ts";
import { HeadEntity, ModuleEntity } from "./entities.ts";
import { moduleOf } from "./module-rows.ts";

/** What the functions here need: the database, and the identity of the present epoch for the cursors of heads. */
export interface ModuleStore {
  readonly postgres: Postgres;
  readonly epoch: () => string;
  /** How long a call may take before its caller hears that PostgreSQL does not answer. */
  readonly timeoutMs: number;
}

export interface ModulePage {
  readonly modules: Module[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

/**
 * Registers a module under the next number; from then on it takes memories. Rejects with MODULE_EXISTS, or INVALID_FIELD.
 *
 * The table is locked against other registrations, so that numbers are dense and rise in the order of commit; readers and recorders do
 * not notice. Modules are never deleted, hence no number is given twice.
 */
export async function registerModule(store: ModuleStore, module: Module): Promise<Module> {
  const { name } = module;
  const settings = settingsOf(module);
  return withinTime(store, undefined, async () => {
    const row = await store.postgres.orm.em.fork().transactional(async (em) => {
      await em.execute("lock table mem0_cc.module in share row exclusive mode");
      const [last] = await em.find(ModuleEntity, {}, { orderBy: { number: "desc" }, limit: 1 });
      const now = new Date();
      const fresh = em.create(ModuleEntity, {
        name,
        number: (last?.number ?? 0) + 1,
        ...settings,
        state: "active",
        createdAt: now,
        updatedAt: now,
        revision: 1,
      });
      em.create(HeadEntity, { module: name, position: 0 });
      return fresh;
    });
    return moduleOf(row, 0, store.epoch());
  }).catch((error: unknown) => {
    if ((error as Error).cause instanceof UniqueConstraintViolationException) throw moduleExists(name);
    throw error;
  });
}

/** One module. Rejects with MODULE_NOT_FOUND unless the scope holds it. */
export async function getModule(store: ModuleStore, scope: Scope, name: string, signal?: AbortSignal): Promise<Module> {
  const [module] = await readModules(store, { $and: [{ name }, visible(scope)] }, 1, signal);
  if (module === undefined) throw moduleNotFound(name);
  return module;
}

/** The modules of the scope by name, a page at a time. Rejects with PAGE_TOKEN_INVALID. */
export async function listModules(
  store: ModuleStore,
  scope: Scope,
  { pageSize, pageToken }: Pick<ListModulesRequest, "pageSize" | "pageToken">,
  signal?: AbortSignal,
): Promise<ModulePage> {
  const size = pageSizeOf(pageSize);
  const [after] = pageToken === "" ? [] : decodePageToken(fingerprint, pageToken, [isName]);
  const rest = after === undefined ? {} : { name: { $gt: after } };
  const found = await readModules(store, { $and: [rest, visible(scope)] }, size + 1, signal);
  const modules = found.slice(0, size);
  const last = modules.at(-1);
  const nextPageToken = found.length > size && last !== undefined ? encodePageToken(fingerprint, [last.name]) : "";
  return { modules, nextPageToken };
}

const fingerprint = fingerprintOf("modules");
const isName = (part: string): boolean => /^[a-z0-9_]+$/.test(part);

const visible = (scope: Scope) => (scope.modules === "all" ? {} : { name: { $in: [...scope.modules] } });

function readModules(store: ModuleStore, where: object, limit: number, signal?: AbortSignal): Promise<Module[]> {
  return withinTime(store, signal, async (both) => {
    const em = store.postgres.orm.em.fork();
    const rows = await em.find(ModuleEntity, where, { orderBy: { name: "asc" }, limit, signal: both });
    const heads = await em.find(HeadEntity, { module: { $in: rows.map(({ name }) => name) } }, { signal: both });
    const positions = new Map(heads.map(({ module, position }) => [module, position]));
    return rows.map((row) => moduleOf(row, positions.get(row.name) ?? 0, store.epoch()));
  });
}

/** Runs a unit of the ORM's work; the caller hears in time even if the server is frozen. */
async function withinTime<T>(
  { timeoutMs }: ModuleStore,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const both = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  const given = Promise.withResolvers<never>();
  const giveUp = () => given.reject(signal?.aborted ? signal.reason : postgresUnavailable());
  both.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work(both), given.promise]);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw engineError(error);
  } finally {
    both.removeEventListener("abort", giveUp);
  }
}

function moduleExists(name: string): CosError {
  return new CosError(ErrorReason.MODULE_EXISTS, `a module "${name}" is registered already`, {
    resource: { type: "module", name },
  });
}
