import { createSecretKey, randomBytes } from "node:crypto";
import type pg from "pg";
import type { EpochHistory, EpochRecord } from "#shared/highway/log-port.ts";
import type { Log } from "#shared/log/open-log.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";

/** What tells one life of a log from another. */
interface Lineage {
  /** Of the cluster, from its creation: a logical restore into another one changes it. */
  readonly system_identifier: string;
  /** Of the write-ahead log: a restore to a point in time, or a promotion, begins a new one. */
  readonly timeline: string;
  /** Of the database within the cluster: dropping it and restoring a dump in its place changes nothing else. */
  readonly database_oid: string;
}

interface EpochRow extends Lineage {
  readonly generation: number;
  readonly identity: string;
  readonly forks: Record<string, number>;
  readonly token_secret: Buffer;
}

const readLineage = `
  select c.system_identifier::text, d.oid::text as database_oid,
         ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint::text as timeline
  from pg_control_system() c, pg_database d
  where d.datname = current_database()`;

const readEpochs = `
  select generation, identity, system_identifier, timeline::text, database_oid::text, forks, token_secret
  from mem0_cc.epoch order by generation`;

const beginEpoch = `
  insert into mem0_cc.epoch (generation, identity, system_identifier, timeline, database_oid, forks)
  select (select greatest(coalesce(max(e.generation), 0), $5::int) + 1 from mem0_cc.epoch e), $1, $2, $3, $4,
         (select coalesce(jsonb_object_agg(h.module, h.position), '{}') from mem0_cc.head h)`;

/**
 * Knows the epochs of the log (H3).
 *
 * Purpose   a cursor names the history that its position was read from. A restore ends that history: positions that were given out
 *           after the backup mean other memories, or none, from then on.
 * Owner     the store; `check` is awaited on every new connection, before anybody uses it.
 *  E1  The present epoch's row tells the lineage of the server that it began on. Where a connection finds another lineage, the
 *      next generation begins, with the heads of that moment as its forks.
 *  E2  Nobody can have recorded in between: whoever records has a connection, and that was checked first. So the forks are exact.
 *  E3  Processes that find it out at once agree: the table is locked, and looked at again under the lock.
 *  E4  Generations only rise, as far as this process can tell: a backup from before an earlier restore knows less of them than we do.
 * Failure   a standby, which cannot tell its timeline, is refused (55000) like a server that is not there.
 */
export class Epochs {
  readonly #log: Log;
  readonly #timeoutMs: number;
  readonly #listeners = new Set<(history: EpochHistory) => void>();
  readonly #identities = new WeakMap<pg.ClientBase, string>();
  #history: EpochHistory | undefined;

  /** `timeoutMs`: for each statement of a check. */
  constructor(log: Log, timeoutMs: number) {
    this.#log = log;
    this.#timeoutMs = timeoutMs;
  }

  /** As last checked, without I/O. Throws ENGINE_UNAVAILABLE as long as there has been no connection at all. */
  history(): EpochHistory {
    if (this.#history === undefined) throw postgresUnavailable();
    return this.#history;
  }

  /** The epoch in which a connection records: the one that it was checked in, even if another has begun elsewhere. */
  identityOf(client: pg.ClientBase): string {
    return this.#identities.get(client) ?? this.history().current.identity;
  }

  /** Tells of each new epoch, after the first; returns a function that stops it. */
  onChanged(listener: (history: EpochHistory) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Compares the server behind a new connection with the present epoch, and begins the next one if they differ. */
  async check(client: pg.ClientBase): Promise<void> {
    const [lineage] = await this.#query<Lineage>(client, readLineage);
    if (lineage === undefined) throw postgresUnavailable();
    let rows = await this.#query<EpochRow>(client, readEpochs);
    if (!isCurrent(rows.at(-1), lineage)) rows = await this.#begin(client, lineage);
    const history = historyOf(rows);
    this.#identities.set(client, history.current.identity);
    this.#remember(history);
  }

  async #begin(client: pg.ClientBase, lineage: Lineage): Promise<EpochRow[]> {
    await this.#query(client, "begin");
    await this.#query(client, "lock table mem0_cc.epoch in exclusive mode");
    const before = await this.#query<EpochRow>(client, readEpochs);
    if (!isCurrent(before.at(-1), lineage)) {
      const { system_identifier, timeline, database_oid } = lineage;
      const identity = randomBytes(10).toString("hex");
      const known = this.#history?.current.generation ?? 0;
      await this.#query(client, beginEpoch, [identity, system_identifier, timeline, database_oid, String(known)]);
    }
    const rows = await this.#query<EpochRow>(client, readEpochs);
    await this.#query(client, "commit");
    return rows;
  }

  #remember(history: EpochHistory): void {
    const before = this.#history?.current;
    // A connection that was slow to be checked may come back with an older view.
    if (before !== undefined && before.generation > history.current.generation) return;
    this.#history = history;
    if (before === undefined || before.identity === history.current.identity) return;
    this.#log.warn(
      { epoch: history.current.identity, generation: history.current.generation },
      "log began a new epoch",
    );
    for (const listener of this.#listeners) listener(history);
  }

  async #query<Row extends pg.QueryResultRow>(
    client: pg.ClientBase,
    text: string,
    values: string[] = [],
  ): Promise<Row[]> {
    const query = { text, values, query_timeout: this.#timeoutMs };
    const { rows } = await client.query<Row>(query);
    return rows;
  }
}

function isCurrent(row: EpochRow | undefined, lineage: Lineage): boolean {
  return (
    row !== undefined &&
    row.system_identifier === lineage.system_identifier &&
    row.timeline === lineage.timeline &&
    row.database_oid === lineage.database_oid
  );
}

function historyOf(rows: readonly EpochRow[]): EpochHistory {
  const past = rows.map<EpochRecord>(({ generation, identity, forks, token_secret }) => ({
    generation,
    identity,
    forks: new Map(Object.entries(forks)),
    tokenKey: createSecretKey(token_secret),
  }));
  const current = past.at(-1);
  if (current === undefined) throw postgresUnavailable();
  return { current, past };
}
