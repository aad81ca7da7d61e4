import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Link } from "#gen/cos/conductor/v1/links_pb.ts";
import { type LinkType, type Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { type LinkEnds, wasForgotten } from "../../domain/accept-link.ts";
import type { AcceptedMemory } from "../../domain/accepted-memory.ts";
import { inTransaction } from "../access/in-transaction.ts";
import { announceCommitted, type OnCommitted } from "../announce-committed.ts";
import { eventOf, type MemoryRow, memoryColumns, memoryOf, recordRowOf } from "../memory-rows.ts";
import { type LinkRow, linkOf, wholeLinks, wordOfType } from "./link-rows.ts";

export interface LinkStore {
  readonly postgres: Pick<Postgres, "pool">;
  readonly log: Log;
  /** The epoch in which a connection records. */
  readonly epochOf: (client: pg.ClientBase) => string;
  readonly onCommitted?: OnCommitted | undefined;
  /** How long one link may take. */
  readonly timeoutMs: number;
}

/** What is linked, or taken back: the two memories, and what the link says. */
export interface LinkKey extends LinkEnds {
  readonly type: LinkType;
}

/** Where the event stands. */
export interface LinkPlace {
  readonly module: string;
  readonly position: number;
  readonly epoch: string;
}

export interface LinkOutcome extends LinkPlace {
  readonly link: Link;
  /** It was there already. */
  readonly deduplicated: boolean;
}

type Outcome =
  | "recorded"
  | "duplicate"
  | "standing"
  | "key_reused"
  | "module_retired"
  | "from_forgotten"
  | "to_forgotten"
  | "link_unknown";

/**
 * Links two memories, as migrations/link-memories.sql says. Rejects with MODULE_RETIRED, MEMORY_NOT_FOUND (one of them was forgotten
 * meanwhile), IDEMPOTENCY_KEY_REUSED or ENGINE_UNAVAILABLE, after which the same call again is safe.
 */
export async function linkMemories(store: LinkStore, key: LinkKey, accepted: AcceptedMemory): Promise<LinkOutcome> {
  return await commit(store, "link_memories", key, accepted, async (client, place, outcome) => ({
    ...place,
    link: await readLink(client, place, key),
    deduplicated: outcome !== "recorded",
  }));
}

/** Takes a link back, as migrations/unlink-memories.sql says. Rejects with LINK_NOT_FOUND, MODULE_RETIRED or ENGINE_UNAVAILABLE. */
export async function unlinkMemories(store: LinkStore, key: LinkKey, accepted: AcceptedMemory): Promise<LinkPlace> {
  return await commit(store, "unlink_memories", key, accepted, async (_, place) => place);
}

async function commit<T extends LinkPlace>(
  store: LinkStore,
  work: "link_memories" | "unlink_memories",
  key: LinkKey,
  accepted: AcceptedMemory,
  answer: (client: pg.ClientBase, place: LinkPlace, outcome: Outcome) => Promise<T>,
): Promise<T> {
  const { postgres, timeoutMs, onCommitted, log } = store;
  const { from, to, type } = key;
  // Without the call's signal: a commit that was begun is told of.
  const { done, event } = await inTransaction(postgres, { timeoutMs }, async (client) => {
    const { rows } = await client.query<{ outcome: Outcome; position: string | null }>({
      name: work,
      text: `select outcome, position from mem0_cc.${work}($1, $2, $3, $4, $5, $6)`,
      values: [
        from.module,
        String(from.position),
        wordOfType(type),
        to.module,
        String(to.position),
        JSON.stringify(recordRowOf(accepted, 0)),
      ],
    });
    const { outcome, position } = rows[0]!;
    if (position === null || outcome === "key_reused") throw refusalOf(outcome, key);
    const place = { module: from.module, position: Number(position), epoch: store.epochOf(client) };
    return {
      done: await answer(client, place, outcome),
      event: outcome === "recorded" ? await readEvent(client, place) : undefined,
    };
  });
  if (event !== undefined && onCommitted !== undefined) {
    announceCommitted(from.module, [{ position: done.position, event }], { onCommitted, log });
  }
  return done;
}

/** The link at a place. It is between the two memories that the caller was found to see, or is not read. */
async function readLink(client: pg.ClientBase, { module, position }: LinkPlace, { from, to }: LinkKey): Promise<Link> {
  const { rows } = await client.query<LinkRow>({
    text: wholeLinks(`select * from mem0_cc.link l
      where l.module = $1 and l.position = $2 and l.from_position = $3 and l.to_module = $4 and l.to_position = $5`),
    values: [module, position, String(from.position), to.module, String(to.position)],
  });
  return linkOf(rows[0]!);
}

/** The event as it was recorded: what is announced is what the log has. */
async function readEvent(client: pg.ClientBase, { module, position }: LinkPlace) {
  const { rows } = await client.query<MemoryRow>({
    text: `select ${memoryColumns(MemoryView.FULL)} from mem0_cc.memory m where m.module = $1 and m.position = $2`,
    values: [module, position],
  });
  const row = rows[0]!;
  return eventOf(memoryOf(row), row.traceparent ?? "");
}

function refusalOf(outcome: Outcome, { from, to, type }: LinkKey): CosError {
  const { module } = from;
  switch (outcome) {
    case "from_forgotten":
      return wasForgotten(from, "from_memory");
    case "to_forgotten":
      return wasForgotten(to, "to_memory");
    case "key_reused":
      return new CosError(
        ErrorReason.IDEMPOTENCY_KEY_REUSED,
        `idempotency_key: was used in module "${module}" for another link`,
        { fields: [{ field: "idempotency_key", description: "was used for another link" }] },
      );
    case "link_unknown":
      return linkNotFound(from, to, type);
    default:
      return new CosError(ErrorReason.MODULE_RETIRED, `module "${module}" is retired: it can be read, not written`, {
        resource: { type: "module", name: module },
        fields: [{ field: "from_memory", description: "must be a memory of a module that is not retired" }],
      });
  }
}

function linkNotFound(from: Memory, to: Memory, type: LinkType): CosError {
  const name = `${from.module}/${from.position} ${wordOfType(type)} ${to.module}/${to.position}`;
  return new CosError(ErrorReason.LINK_NOT_FOUND, `there is no link ${name}`, { resource: { type: "link", name } });
}
