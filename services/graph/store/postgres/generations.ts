import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { GenerationRow, Place } from "../../domain/graph-rows.ts";
import type { ProjectionStore } from "../../domain/graph-store.ts";
import { inTransaction, type Query } from "./transaction.ts";

/** The class of our advisory locks, one for each generation (0: of all): steps share it, `drop` has it alone. */
export const generationLock = 0x0c05_0001;

/** The number of the live generation, once for a statement: reads are of one generation, whatever is activated meanwhile (G1). */
export const live = "(select number from cos_graph.generation where state = 'live')";

const columns = `number, state, purpose, extractor_version as "extractorVersion", began_ms::float8 as "beganMs",
  alive_ms::float8 as "aliveMs", retired_ms::float8 as "retiredMs", resume_token as "resumeToken"`;

type StoredGeneration = Omit<GenerationRow, "retiredMs"> & { readonly retiredMs: number | null };

export async function readGenerations(postgres: Postgres, signal?: AbortSignal): Promise<GenerationRow[]> {
  const text = `select ${columns} from cos_graph.generation order by number`;
  return (await queryAbortably<StoredGeneration>(postgres, { text, signal })).map(generationOf);
}

export async function readLive(postgres: Postgres, signal?: AbortSignal): Promise<GenerationRow | undefined> {
  const text = `select ${columns} from cos_graph.generation where state = 'live'`;
  const [row] = await queryAbortably<StoredGeneration>(postgres, { name: "graph_live", text, signal });
  return row && generationOf(row);
}

export async function readPlaces(postgres: Postgres, generation: number, signal?: AbortSignal): Promise<Place[]> {
  const text = `select module, position::float8 as position, epoch, at_ms::float8 as "atMs" from cos_graph.place
    where generation = $1 order by module`;
  return queryAbortably<Place & Record<string, unknown>>(postgres, { text, values: [generation], signal });
}

/** Begins the next generation; undefined: one is being built. */
export async function beginGeneration(
  postgres: Postgres,
  { purpose, extractorVersion, nowMs }: Parameters<ProjectionStore["begin"]>[0],
): Promise<GenerationRow | undefined> {
  return inTransaction(postgres, "begin", async (query) => {
    await lockAll(query);
    const states = await query<{ state: string }>("select state from cos_graph.generation where state <> 'retired'");
    if (states.some(({ state }) => state === "building")) return undefined;
    const [row] = await query<StoredGeneration>(
      `insert into cos_graph.generation (number, state, purpose, extractor_version, began_ms)
       values (nextval('cos_graph.generation_number'), $1, $2, $3, $4) returning ${columns}`,
      [states.length === 0 ? "live" : "building", purpose, extractorVersion, nowMs],
    );
    return row && generationOf(row);
  });
}

/** Makes a generation that is being built the live one; of any other it does nothing. */
export async function activateGeneration(postgres: Postgres, generation: number, nowMs: number): Promise<void> {
  await inTransaction(postgres, "begin", async (query) => {
    await lockAll(query);
    const next = "from cos_graph.generation where number = $1 and state = 'building'";
    const [ready] = await query(`select number ${next}`, [generation]);
    if (ready === undefined) return;
    await query("update cos_graph.generation set state = 'retired', retired_ms = $1 where state = 'live'", [nowMs]);
    await query("update cos_graph.generation set state = 'live' where number = $1", [generation]);
  });
}

/** With it no generation begins, is activated or dropped elsewhere, until the transaction ends. */
async function lockAll(query: Query): Promise<void> {
  await query("select pg_advisory_xact_lock($1, 0)", [generationLock]);
}

/**
 * Takes a generation that is not live out of use, for `drop` to empty: it is not built any more, and takes no further step. False: it is
 * live, or not there.
 */
export async function retireForGood(postgres: Postgres, generation: number): Promise<boolean> {
  return inTransaction(postgres, "begin; set local lock_timeout = '5s'", async (query) => {
    await lockAll(query);
    // Those that project hold their share until they have committed.
    await query("select pg_advisory_xact_lock($1, $2)", [generationLock, generation]);
    const rows = await query(
      "update cos_graph.generation set state = 'retired', dropping = true where number = $1 and state <> 'live' returning number",
      [generation],
    );
    return rows.length > 0;
  });
}

export async function keepAlive(postgres: Postgres, generation: number, nowMs: number): Promise<void> {
  await queryAbortably(postgres, {
    name: "graph_keep_alive",
    text: "update cos_graph.generation set alive_ms = $2 where number = $1 and state = 'building'",
    values: [generation, nowMs],
  });
}

export async function keepToken(postgres: Postgres, generation: number, resumeToken: string): Promise<void> {
  await queryAbortably(postgres, {
    name: "graph_keep_token",
    text: "update cos_graph.generation set resume_token = $2 where number = $1",
    values: [generation, resumeToken],
  });
}

function generationOf(row: StoredGeneration): GenerationRow {
  return { ...row, retiredMs: row.retiredMs ?? undefined };
}
