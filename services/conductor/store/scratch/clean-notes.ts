import { inTransaction } from "../access/in-transaction.ts";
import type { Database } from "./scratch-store.ts";

/** How many notes one transaction cleans away: whoever writes notes of that module waits so long. */
const batchMax = 500;

/** How long a batch may take; nobody waits for it. */
const timeoutMs = 5000;

/** Cleans away a batch of notes that have expired; answers with how many. 0: there are none, or another process is at it. */
export function cleanNotes(postgres: Database): Promise<number> {
  return inTransaction(postgres, { timeoutMs }, async (client) => {
    const text = "select mem0_cc.clean_notes($1) as cleaned";
    const { rows } = await client.query<{ cleaned: number }>({ text, values: [batchMax] });
    return rows[0]?.cleaned ?? 0;
  });
}
