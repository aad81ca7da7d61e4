import { int } from "neo4j-driver";
import type { Place } from "../../domain/graph-rows.ts";
import type { ProjectionStore, ProjectionTransaction } from "../../domain/graph-store.ts";
import { type Naming, NO_NAMING } from "../../domain/naming.ts";
import { GENERATIONS } from "./generations.ts";
import type { Neo4j, Run } from "./open-neo4j.ts";
import { projectionReads } from "./projection-reads.ts";
import { safeModule } from "./whitelist.ts";
import { writeDelta } from "./write-delta.ts";

/** What a step works on. */
export interface Part {
  readonly run: Run;
  readonly prefix: string;
  readonly module: string;
}

/** How a step ends that did not begin: its transaction is undone, with the place that was made to be locked. */
class NotBegun extends Error {
  readonly place: Place | undefined;

  constructor(place: Place | undefined) {
    super("the step does not begin");
    this.place = place;
  }
}

/** One event may take long, such as the merge of two entities with a hundred thousand memories each. */
const ALONE_TIMEOUT_MS = 600_000;

/** The place is written first, which locks it until the transaction ends. */
const LOCK_PLACE = `${GENERATIONS} AND g.number = $generation AND g.dropping IS NULL
  MERGE (p:CosPlace {key: g.prefix + '/' + $module}) SET p.module = $module, p.lock = true`;

/**
 * A statement of its own: within one Neo4j may read a property before it has the lock. Whether the generation is being dropped is looked at
 * again, because `drop` marks it and then waits for the places.
 */
const READ_PLACE = `${GENERATIONS} AND g.number = $generation AND g.dropping IS NULL
  MATCH (p:CosPlace {key: g.prefix + '/' + $module}) SET p.settled = p.position
  RETURN g.prefix AS prefix, p.module AS module, coalesce(p.position, 0) AS position, coalesce(p.epoch, '') AS epoch,
    coalesce(p.atMs, 0) AS atMs`;

/** `atMs` is by our clock; `writtenMs` by that of Neo4j, which alone can say how long ago it was (read-changes.ts). */
const WRITE_PLACE = `MATCH (p:CosPlace {key: $key})
  SET p.position = $position, p.epoch = $epoch, p.atMs = $atMs, p.writtenMs = timestamp()`;

/**
 * Takes one step of a projection.
 *
 * Purpose: each position of a module is applied once and in its order, however many processes project.
 * Owner: the node of the module's place: whoever has locked it projects.
 *
 *  J1  The place is locked before it is compared, and until all is committed: of two steps from one place the second does not begin.
 *  J2  Place and effect are committed together, or neither (G2).
 *  J3  What a step wrote is settled once its transaction has ended: Neo4j shows the parts of a commit one after the other. How far a module is
 *      settled is said after each step, beside its place; a step that begins knows it of the one before. `changes` goes no further.
 *  J4  A generation that is being dropped takes no step: `drop` waits for those that have begun, and none begins after it.
 *
 * Failure: ENGINE_UNAVAILABLE; the next step begins from the stored place.
 */
export async function project(
  neo4j: Neo4j,
  graph: string,
  { generation, module, after, alone = false }: Parameters<ProjectionStore["project"]>[0],
  work: (transaction: ProjectionTransaction) => Promise<Place>,
): Promise<Place | undefined> {
  safeModule(module);
  try {
    const write = neo4j.write(
      async (run) => {
        const asked = { graph, generation: int(generation), module };
        const [, [locked]] = await Promise.all([
          run(LOCK_PLACE, asked),
          run<Place & { prefix: string }>(READ_PLACE, asked),
        ]);
        if (locked === undefined) throw new NotBegun(undefined);
        const { prefix, ...stored } = locked;
        if (stored.position !== after) throw new NotBegun(stored);
        const { position, epoch, atMs } = await work(transactionOf({ run, prefix, module }));
        const key = `${prefix}/${module}`;
        await run(WRITE_PLACE, { key, position: int(position), epoch, atMs: int(atMs) });
        return { key, place: { module, position, epoch, atMs } };
      },
      alone ? ALONE_TIMEOUT_MS : undefined,
    );
    const taken = await write;
    await settle(neo4j, taken.key, taken.place.position);
    return taken.place;
  } catch (error) {
    if (error instanceof NotBegun) return error.place;
    throw error;
  }
}

/** J3. Where it fails the step is done all the same: the next one says it, or time does (read-changes.ts). */
async function settle(neo4j: Neo4j, key: string, position: number): Promise<void> {
  const text = "MERGE (s:CosSettled {key: $key}) SET s.position = $position";
  await neo4j.write((run) => run(text, { key, position: int(position) })).catch(() => undefined);
}

function transactionOf(part: Part): ProjectionTransaction {
  const { run, prefix, module } = part;
  const key = `${prefix}/${module}`;
  return {
    ...projectionReads(part),
    readNaming: async () => {
      const rows = await run<{ naming: string | null }>("MATCH (p:CosPlace {key: $key}) RETURN p.naming AS naming", {
        key,
      });
      return namingOf(rows);
    },
    writeNaming: async (naming) => {
      await run("MATCH (p:CosPlace {key: $key}) SET p.naming = $naming", { key, naming: JSON.stringify(naming) });
    },
    write: (delta) => writeDelta(part, delta),
    addFault: async ({ position, attempts, atMs, ...fault }) => {
      const stored = { ...fault, position: int(position), attempts: int(attempts), atMs: int(atMs) };
      await run("MERGE (f:CosFault {key: $key}) SET f += $stored", { key: `${key}/${position}`, stored });
    },
  };
}

export function namingOf([row]: readonly { readonly naming: string | null }[]): Naming {
  return row?.naming ? (JSON.parse(row.naming) as Naming) : NO_NAMING;
}
