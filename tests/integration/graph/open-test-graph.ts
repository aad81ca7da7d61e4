import { Client } from "pg";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { openPostgresGraph, type PostgresGraphOptions } from "#services/graph/store/postgres/open-postgres-graph.ts";
import { openLog } from "#shared/log/open-log.ts";
import { cloneDatabase } from "#tests/support/engines.ts";

export interface TestGraph {
  readonly store: GraphStore;
  readonly url: string;
  /** A connection beside the store, to look behind it and to stand in its way. */
  readonly client: Client;
  close(): Promise<void>;
}

export const silent = openLog({ service: "test", level: "silent" });

/** A graph, empty, in a database of the test's own. */
export async function openTestGraph(options: Partial<PostgresGraphOptions> = {}): Promise<TestGraph> {
  const database = await cloneDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const store = await openPostgresGraph({ url: database.url, log: silent, poolMax: 4, ...options });
  return {
    store,
    url: database.url,
    client,
    close: async () => {
      await store.close();
      await client.end();
      await database.drop();
    },
  };
}
