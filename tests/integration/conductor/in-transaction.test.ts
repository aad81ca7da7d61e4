import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { inTransaction } from "#services/conductor/store/access/in-transaction.ts";
import type { Connection } from "#services/conductor/store/access/principals.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { silent } from "./open-test-store.ts";

let database: ClonedDatabase;
let postgres: Postgres;
beforeAll(async () => {
  database = await cloneDatabase();
  const schema = { entities: [], schema: "cos_auth", migrations: [] };
  postgres = await openPostgres({ url: database.url, applicationName: "test", poolMax: 1, log: silent, ...schema });
});
afterAll(async () => {
  await postgres.close();
  await database.drop();
});

const soon = { timeoutMs: 1900 };
const unavailable = { reason: ErrorReason.ENGINE_UNAVAILABLE };

const addPrincipal = (client: Connection, name: string) =>
  client.query("insert into cos_auth.principal (name, kind, created_by) values ($1, 'agent', 'test')", [name]);

const pidOf = async (client: Connection): Promise<number> =>
  (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]!.pid;

const names = (): Promise<string[]> =>
  inTransaction(postgres, soon, async (client) => {
    const { rows } = await client.query<{ name: string }>("select name from cos_auth.principal order by name");
    return rows.map(({ name }) => name);
  });

describe("a transaction", () => {
  test("is committed as a whole, or not at all; its connection goes on being used", async () => {
    const failed = new Error("no");
    const first = await inTransaction(postgres, soon, async (client) => {
      await addPrincipal(client, "one");
      return pidOf(client);
    });
    const half = inTransaction(postgres, soon, async (client) => {
      await addPrincipal(client, "two");
      throw failed;
    });
    await expect(half).rejects.toMatchObject({ reason: ErrorReason.INTERNAL, cause: failed });
    expect(await names()).toEqual(["one"]);
    expect(await inTransaction(postgres, soon, pidOf)).toBe(first);
  });

  test("T1, T2: that does not end in time is given up, with its connection", async () => {
    const before = await inTransaction(postgres, soon, pidOf);
    const slow = inTransaction(postgres, { timeoutMs: 30 }, async (client) => {
      await addPrincipal(client, "slow");
      await client.query("select pg_sleep(60)");
    });
    await expect(slow).rejects.toMatchObject(unavailable);
    expect(await names()).toEqual(["one"]);
    expect(await inTransaction(postgres, soon, pidOf)).not.toBe(before);
  });

  test("T1: waits for a connection no longer than that either, and leaves it to others when it comes", async () => {
    const held = await postgres.pool.connect();
    await expect(inTransaction(postgres, { timeoutMs: 30 }, pidOf)).rejects.toMatchObject(unavailable);
    held.release();
    expect(await names()).toEqual(["one"]);
  });

  test("T2: whose connection is lost takes another next time", async () => {
    const cut = inTransaction(postgres, soon, (client) =>
      client.query("select pg_terminate_backend(pg_backend_pid())"),
    );
    await expect(cut).rejects.toMatchObject(unavailable);
    expect(await names()).toEqual(["one"]);
  });

  test("of a caller who has left, before or meanwhile, ends with the caller's reason", async () => {
    const gone = new Error("gone");
    const signal = AbortSignal.abort(gone);
    await expect(inTransaction(postgres, { ...soon, signal }, pidOf)).rejects.toBe(gone);
    const leaving = new AbortController();
    const waiting = inTransaction(postgres, { timeoutMs: 0, signal: leaving.signal }, async (client) => {
      leaving.abort(gone);
      await client.query("select pg_sleep(60)");
    });
    await expect(waiting).rejects.toBe(gone);
  });

  test("that only reads cannot write", async () => {
    const begin = "begin isolation level repeatable read, read only" as const;
    const writing = inTransaction(postgres, { ...soon, begin }, (client) => addPrincipal(client, "three"));
    await expect(writing).rejects.toMatchObject({ cause: { code: "25006" } });
  });
});
