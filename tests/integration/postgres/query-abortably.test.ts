import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { defineEntity, p } from "@mikro-orm/core";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { freePort, type PrivateServer, startPostgres } from "#tests/support/private-servers.ts";

const entities = [defineEntity({ name: "Nothing", properties: { id: p.integer().primary() } })];
const log = openLog({ service: "test", level: "silent" });
const open = (url: string, poolMax = 1) =>
  openPostgres({ url, applicationName: "aborts", entities, schema: "none", migrations: [], poolMax, log });
const unavailable = { reason: ErrorReason.ENGINE_UNAVAILABLE, retryAfterMs: 1000 };

describe("a statement that may be abandoned", () => {
  let database: ClonedDatabase;
  let postgres: Postgres;
  beforeAll(async () => {
    database = await cloneDatabase();
    postgres = await open(database.url);
  });
  afterAll(async () => {
    await postgres.close();
    await database.drop();
  });
  afterEach(async () => expect(await running()).toEqual([]));

  const processId = async () =>
    (await queryAbortably<{ pid: number }>(postgres, { text: "select pg_backend_pid() as pid" }))[0];
  const running = async () => {
    const { rows } = await postgres.pool.query(
      "select query from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'",
    );
    return rows;
  };

  test("answers with its rows, by name and with values", async () => {
    const query = { name: "sum", text: "select $1::int + $2::int as sum", values: [1, 2] };
    expect(await queryAbortably(postgres, query)).toEqual([{ sum: 3 }]);
    expect(await queryAbortably(postgres, { ...query, values: [3, 4] })).toEqual([{ sum: 7 }]);
  });

  test("aborted before it begins, it does not begin", async () => {
    const signal = AbortSignal.abort(new Error("gone"));
    await expect(queryAbortably(postgres, { text: "select pg_sleep(60)", signal })).rejects.toThrow("gone");
  });

  test("aborted while it runs: the caller hears at once, the server stops, the connection serves on", async () => {
    const before = await processId();
    const leaving = new AbortController();
    const slow = queryAbortably(postgres, { text: "select pg_sleep(60)", signal: leaving.signal });
    setTimeout(() => leaving.abort(new Error("gone")), 30);
    await expect(slow).rejects.toThrow("gone");
    expect(await processId()).toEqual(before);
  });

  test("aborted while it waits for a connection: the connection that it would have had goes to the next", async () => {
    const busy = await postgres.pool.connect();
    const leaving = new AbortController();
    const waiting = queryAbortably(postgres, { text: "select 1", signal: leaving.signal });
    setTimeout(() => leaving.abort(new Error("gone")), 10);
    await expect(waiting).rejects.toThrow("gone");
    busy.release();
    expect(await queryAbortably(postgres, { text: "select 1 as one" })).toEqual([{ one: 1 }]);
  });

  test("Q1: however often statements are abandoned, none of their cancellations hits another", async () => {
    const outcomes = new Set<string>();
    for (let n = 0; n < 120; n++) {
      const leaving = new AbortController();
      const short = queryAbortably(postgres, { text: "select pg_sleep(0.002)", signal: leaving.signal }).then(
        () => "done",
        (error: Error) => error.message,
      );
      setTimeout(() => leaving.abort(new Error("gone")), n % 5);
      const next = queryAbortably(postgres, { text: "select pg_sleep(0.004), 1 as one" });
      outcomes.add(await short);
      expect(await next).toEqual([{ pg_sleep: "", one: 1 }]);
    }
    expect([...outcomes].every((outcome) => outcome === "done" || outcome === "gone")).toBe(true);
  });

  test("out of time: ENGINE_UNAVAILABLE, and the statement is stopped", async () => {
    const slow = queryAbortably(postgres, { text: "select pg_sleep(60)", timeoutMs: 50 });
    await expect(slow).rejects.toMatchObject(unavailable);
  });

  test("a statement that the server refuses is our own fault, and leaves the connection as it was", async () => {
    const before = await processId();
    await expect(queryAbortably(postgres, { text: "selec" })).rejects.toMatchObject({ reason: ErrorReason.INTERNAL });
    expect(await processId()).toEqual(before);
  });

  test("a backend that is killed under its statement: ENGINE_UNAVAILABLE, and the next has a new one", async () => {
    const before = await processId();
    const text = "select pg_terminate_backend(pg_backend_pid()), pg_sleep(60)";
    await expect(queryAbortably(postgres, { text })).rejects.toMatchObject(unavailable);
    expect(await processId()).not.toEqual(before);
  });
});

describe("opening PostgreSQL", () => {
  let database: ClonedDatabase;
  beforeAll(async () => {
    database = await cloneDatabase();
  });
  afterAll(() => database.drop());

  test("every connection has its settings, whatever the URL says", async () => {
    const url = new URL(database.url);
    url.searchParams.set("options", "-c jit=on");
    const postgres = await open(url.href);
    const text = `select current_setting('jit') as jit, current_setting('lock_timeout') as lock,
      current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle,
      current_setting('application_name') as name`;
    const rows = await queryAbortably(postgres, { text });
    expect(rows).toEqual([{ jit: "off", lock: "1s", statement: "5s", idle: "10s", name: "aborts" }]);
    await postgres.close();
  });

  test("needs no server; who wants a connection hears that there is none", async () => {
    const postgres = await open(`postgres://postgres@127.0.0.1:${await freePort()}`);
    await expect(queryAbortably(postgres, { text: "select 1" })).rejects.toMatchObject(unavailable);
    await expect(postgres.cancelBackend(1)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await postgres.close();
  });

  test("a new connection is used only after `onConnect`; if that refuses, so does whoever wanted it", async () => {
    let refusing = true;
    const postgres = await openPostgres({
      url: database.url,
      applicationName: "aborts",
      entities,
      schema: "none",
      migrations: [],
      log,
      onConnect: async (client) => {
        await client.query("select set_config('cos.seen', 'yes', false)");
        if (refusing) throw Object.assign(new Error("not this one"), { code: "57P03" });
      },
    });
    await expect(queryAbortably(postgres, { text: "select 1" })).rejects.toMatchObject(unavailable);
    refusing = false;
    expect(await queryAbortably(postgres, { text: "select current_setting('cos.seen') as seen" })).toEqual([
      { seen: "yes" },
    ]);
    await postgres.close();
  });

  test("a connection that is lost while idle ends nothing but itself", async () => {
    const postgres = await open(database.url);
    const other = await open(database.url);
    const text = "select pg_backend_pid() as pid";
    const [first] = await queryAbortably<{ pid: number }>(postgres, { text });
    await queryAbortably(other, { text: "select pg_terminate_backend($1)", values: [first?.pid] });
    await sleep(30);
    const [second] = await queryAbortably<{ pid: number }>(postgres, { text });
    expect(second?.pid).not.toBe(first?.pid);
    await postgres.close();
    await other.close();
  });
});

describe("a server that is frozen", () => {
  let server: PrivateServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 20_000);
  afterAll(() => server.stop());

  test("Q2: who waits hears in time, and after the thaw nothing is left behind", async () => {
    const postgres = await open(server.url, 2);
    await queryAbortably(postgres, { text: "select 1" });
    server.freeze();
    const frozen = [1, 2, 3].map(() => queryAbortably(postgres, { text: "select 1", timeoutMs: 100 }));
    for (const one of frozen) await expect(one).rejects.toMatchObject(unavailable);
    await sleep(1200);
    server.thaw();
    expect(await queryAbortably(postgres, { text: "select 1 as one" })).toEqual([{ one: 1 }]);
    await postgres.close();
  }, 20_000);
});
