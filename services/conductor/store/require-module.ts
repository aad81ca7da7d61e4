import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { scopeParameter } from "./visibility.ts";

/** Rejects with MODULE_NOT_FOUND unless the module exists for this caller. */
export async function requireModule(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  scope: Scope,
  module: string,
  signal?: AbortSignal,
): Promise<void> {
  const rows = await queryAbortably(postgres, {
    text: "select from mem0_cc.module m where m.name = $1 and ($2::text[] is null or m.name = any($2))",
    values: [module, scopeParameter(scope)],
    signal,
  });
  if (rows.length === 0) throw moduleNotFound(module);
}
