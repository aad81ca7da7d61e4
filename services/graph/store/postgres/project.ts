import type { Postgres } from "#shared/postgres/open-postgres.ts";
import type { FaultRow, Place } from "../../domain/graph-rows.ts";
import type { ProjectionStore, ProjectionTransaction } from "../../domain/graph-store.ts";
import { generationLock } from "./generations.ts";
import { projectionReads } from "./projection-reads.ts";
import type { Step } from "./step.ts";
import { inTransaction, type Query } from "./transaction.ts";
import { writeDelta } from "./write-delta.ts";

/**
 * Without waiting for the disk: position and effect are in one transaction, so that a server that crashes loses both, and what is
 * lost is projected again from the log. A commit that waits would cost more than the rest of a small step.
 */
const begin = "begin; set local synchronous_commit = off";

/** $1 generation, $2 module. */
const makePlace = `insert into cos_graph.place (generation, module, position, epoch, at_ms)
  select g.number, $2, 0, '', 0 from cos_graph.generation g where g.number = $1 and not g.dropping
  on conflict do nothing`;

const lockPlace = `select p.module, p.position::float8 as position, p.epoch, p.at_ms::float8 as "atMs" from cos_graph.generation g
  join cos_graph.place p on p.generation = g.number and p.module = $2
  where g.number = $1 and not g.dropping for update of p`;

const writePlace = `update cos_graph.place set position = $3, epoch = $4, at_ms = $5 where generation = $1 and module = $2`;

const writeNaming = `insert into cos_graph.naming (generation, module, naming) values ($1, $2, $3)
  on conflict (generation, module) do update set naming = excluded.naming`;

const writeFault = `insert into cos_graph.fault (generation, module, position, memory_id, kind, error, attempts, at_ms)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (generation, module, position) do update set memory_id = excluded.memory_id, kind = excluded.kind,
    error = excluded.error, attempts = excluded.attempts, at_ms = excluded.at_ms`;

/** How a step ends that did not begin: nothing of it is left, not even a place that was made to be locked. */
class NotBegun extends Error {
  readonly place: Place | undefined;

  constructor(place: Place | undefined) {
    super("the step does not begin");
    this.place = place;
  }
}

/**
 * Takes one step of a projection.
 *
 * Purpose    each position of a module is applied once and in its order, however many processes project.
 * Owner      the row of the module's place: whoever has locked it projects.
 *  J1  The place is locked before it is compared, and until all is committed: of two steps from one place the second does not begin.
 *  J2  Place and effect are committed together, or neither (G2).
 *  J3  A generation that is being dropped takes no step: `drop` waits for those that have begun, and none begins after it.
 * Failure    ENGINE_UNAVAILABLE when the lock is not to be had in time, or the server is gone; the next step begins from the stored place.
 */
export async function project(
  postgres: Pick<Postgres, "pool">,
  step: Parameters<ProjectionStore["project"]>[0],
  work: (transaction: ProjectionTransaction) => Promise<Place>,
): Promise<Place | undefined> {
  const { generation, module, after } = step;
  try {
    return await inTransaction(postgres, begin, async (query) => {
      await query(
        "select pg_advisory_xact_lock_shared($1, $2)",
        [generationLock, generation],
        "graph_share_generation",
      );
      let place = await lockedPlace(query, generation, module);
      if (place === undefined) {
        await query(makePlace, [generation, module], "graph_make_place");
        place = await lockedPlace(query, generation, module);
      }
      if (place === undefined || place.position !== after) throw new NotBegun(place);
      const { position, epoch, atMs } = await work(transactionOf(query, generation, module));
      await query(writePlace, [generation, module, position, epoch, atMs], "graph_write_place");
      return { module, position, epoch, atMs };
    });
  } catch (error) {
    if (error instanceof NotBegun) return error.place;
    throw error;
  }
}

async function lockedPlace(query: Query, generation: number, module: string): Promise<Place | undefined> {
  const [place] = await query<Place & Record<string, unknown>>(lockPlace, [generation, module], "graph_lock_place");
  return place;
}

function transactionOf(query: Query, generation: number, module: string): ProjectionTransaction {
  const stepAt = (position: number): Step => ({
    generation,
    module,
    position,
    query: (name, text, values) => query(text, [generation, module, position, ...values], name),
  });
  return {
    ...projectionReads(stepAt(0)),
    write: (delta) => writeDelta(stepAt(delta.position), delta),
    writeNaming: async (naming) => {
      await query(writeNaming, [generation, module, JSON.stringify(naming)], "graph_write_naming");
    },
    addFault: async (fault) => {
      await query(writeFault, faultValues(generation, fault), "graph_write_fault");
    },
  };
}

function faultValues(generation: number, fault: FaultRow): unknown[] {
  const { module, position, memoryId, kind, error, attempts, atMs } = fault;
  return [generation, module, position, memoryId, kind, error, attempts, atMs];
}
