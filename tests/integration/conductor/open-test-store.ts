import { Client } from "pg";
import { openStore, type Store, type StoreOptions } from "#services/conductor/store/open-store.ts";
import { openLog } from "#shared/log/open-log.ts";
import { cloneDatabase } from "#tests/support/engines.ts";

export interface TestStore {
  readonly store: Store;
  readonly url: string;
  /** A connection beside the store, to look behind it and to stand in its way. */
  readonly client: Client;
  close(): Promise<void>;
}

export const silent = openLog({ service: "test", level: "silent" });

/** A store on a database of the test's own. */
export async function openTestStore(options: Partial<StoreOptions> = {}): Promise<TestStore> {
  const database = await cloneDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const store = await openStore({ url: database.url, log: silent, ...options });
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
