import type pg from "pg";

/**
 * Runs `work` while no other process holds the lock of this name in this database; waits for as long as it takes, within the
 * session's `lock_timeout`. The lock belongs to a connection of its own and ends with it, even if the process is killed.
 */
export async function withAdvisoryLock<T>(pool: pg.Pool, name: string, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let clean = false;
  try {
    await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [name]);
    const result = await work();
    await client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [name]);
    clean = true;
    return result;
  } finally {
    client.release(!clean);
  }
}
