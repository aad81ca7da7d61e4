import { BEFORE_FIRST_SEAL, sealOf } from "../../domain/seal-of.ts";
import { type AuditRow, auditColumns, sealedContentOf } from "./audit-rows.ts";
import type { Connection } from "./principals.ts";

const takeTurn = "select pg_try_advisory_xact_lock(hashtextextended('cos seal audit', 0)) as mine";

const readLast = "select number, hash from cos_auth.seal order by number desc limit 1";

const readWaiting = `
  select ${auditColumns} from cos_auth.unsealed u join cos_auth.audit a on a.number = u.audit
  order by u.audit limit $1`;

const insertSeals = `
  insert into cos_auth.seal (number, audit, hash)
  select s.number, s.audit, s.hash from unnest($1::bigint[], $2::bigint[], $3::bytea[]) s (number, audit, hash)`;

const stopWaiting = "delete from cos_auth.unsealed where audit = any($1::bigint[])";

/**
 * Seals the audit, behind those who write it: an entry is written within the transaction of its effect, and chaining it there would make all
 * effects wait for each other.
 *
 *  A1  One process seals at a time (an advisory lock), so that the chain has no branches; the others come back later.
 *  A2  A batch is one transaction: its seals, and that its entries no longer wait. A crash leaves all of it or nothing.
 *  A3  Entries that are committed after higher numbers are sealed later than those: every entry waits until it has its seal.
 *
 * Seals the entries that wait, the lowest numbers first, `entriesMax` at most; answers with how many. 0: none waits, or another
 * process is sealing. Runs in a transaction of its caller's, whose commit makes the seals and ends the turn, both or neither.
 */
export async function sealAudit(client: Connection, entriesMax: number): Promise<number> {
  const turn = await client.query<{ mine: boolean }>(takeTurn);
  if (turn.rows[0]?.mine !== true) return 0;
  const waiting = await client.query<AuditRow>(readWaiting, [entriesMax]);
  if (waiting.rows.length === 0) return 0;
  // A statement of its own, after the lock: it sees what the turn before has committed.
  const last = (await client.query<{ number: string; hash: Buffer }>(readLast)).rows[0];
  const first = BigInt(last?.number ?? 0) + 1n;
  let before: Buffer = last?.hash ?? BEFORE_FIRST_SEAL;
  const hashes = waiting.rows.map((row) => {
    before = sealOf(before, sealedContentOf(row));
    return before;
  });
  const entries = waiting.rows.map(({ number }) => number);
  await client.query(insertSeals, [entries.map((_, n) => String(first + BigInt(n))), entries, hashes]);
  await client.query(stopWaiting, [entries]);
  return entries.length;
}
