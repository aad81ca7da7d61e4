import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";

const text = `select p.module, p.position from mem0_cc.index_place p where $1::text[] is null or p.module = any ($1)`;

/**
 * How far the index of SearchMemories has come, by module: what was recorded up to that position can be found. A module that is not
 * there has not been begun. The caller judges who may know.
 */
export async function indexPlaces(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  modules: readonly string[] | "all",
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  const rows = await queryAbortably<{ module: string; position: string }>(postgres, {
    text,
    values: [modules === "all" ? null : modules],
    signal,
  });
  return new Map(rows.map(({ module, position }) => [module, Number(position)]));
}
