import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import type { Access } from "#shared/auth/access.ts";
import { mayRead } from "#shared/auth/scope.ts";
import { readSettings } from "#shared/config/read-settings.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { type Gatekeeper, type GatekeeperOptions, openGatekeeper } from "#shared/identity/open-gatekeeper.ts";
import { RATE_SETTINGS } from "#shared/identity/rate-settings.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { type PrivateServer, startPostgres, startRedis } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";
import { openTestAuth, silent, type TestAuth, type TestToken } from "./open-test-auth.ts";

const NO_REDIS = "redis://127.0.0.1:1";
/** Long enough that a test which passes did not wait for it. */
const NEVER_MS = 600_000;

describe("the gatekeeper over real engines", () => {
  let database: ClonedDatabase;
  let auth: TestAuth;
  const opened: Gatekeeper[] = [];
  beforeAll(async () => {
    database = await cloneDatabase();
    auth = await openTestAuth(database.url);
  });
  afterEach(async () => {
    for (const gatekeeper of opened.splice(0)) await gatekeeper.close();
  });
  afterAll(async () => {
    await auth.close();
    await database.drop();
  });

  const open = (options: Partial<GatekeeperOptions> & { pollMs?: number } = {}): Gatekeeper => {
    const { pollMs = 20, ...rest } = options;
    const rates = readSettings({}, RATE_SETTINGS);
    const { postgres } = auth;
    const directory = { pollMs };
    opened.push(
      openGatekeeper({ mode: "required", postgres, redisUrl: NO_REDIS, log: silent, rates, directory, ...rest }),
    );
    return opened.at(-1) as Gatekeeper;
  };
  let count = 0;
  const addToken = (grants: Record<string, number> = { drafts: Verb.RECORD }) =>
    auth.addToken(`bot-${++count}`, grants);

  test("a token is looked up once, and its calls are let in at once from then on", async () => {
    const token = await addToken();
    const gatekeeper = open();
    const access = await enter(gatekeeper, token);
    expect(access.principal.name).toBe(`bot-${count}`);
    expect(gatekeeper.letIn(shown(token))).toBe(access);
  });

  test("without Redis, revocation ends what is open at the next poll", async () => {
    const token = await addToken();
    const gatekeeper = open();
    const ended = endOf(await enter(gatekeeper, token));
    await auth.revoke(token);
    expect(await ended).toBe("TOKEN_REVOKED");
    expect(await refusalOf(gatekeeper, token)).toBe("TOKEN_REVOKED");
  });

  test("without Redis, changed grants count at the next poll", async () => {
    const token = await addToken();
    const access = await enter(open(), token);
    const changed = changeOf(access);
    await auth.client.query("update cos_auth.granted set module = 'pepys' where principal = $1", [
      access.principal.name,
    ]);
    await changed;
    expect(["drafts", "pepys"].map((module) => mayRead(access.scope, module))).toEqual([false, true]);
  });

  test("a token that a rotation lets end sooner ends then", async () => {
    const token = await addToken();
    const ended = endOf(await enter(open(), token));
    await auth.client.query("update cos_auth.token set expires_at = now() + '200 ms' where id = $1", [token.id]);
    expect(await ended).toBe("TOKEN_EXPIRED");
  });

  test("an own change is seen at once, without Redis and without the poll", async () => {
    const token = await addToken();
    const gatekeeper = open({ pollMs: NEVER_MS });
    const ended = endOf(await enter(gatekeeper, token));
    await auth.revoke(token);
    gatekeeper.changed();
    expect(await ended).toBe("TOKEN_REVOKED");
  });

  test("calls are seen as the token's last use", async () => {
    const token = await addToken();
    await enter(open(), token);
    const lastUsed = async () => {
      const { rows } = await auth.client.query(
        "select from cos_auth.token where id = $1 and last_used_at is not null",
        [token.id],
      );
      return rows.length;
    };
    while ((await lastUsed()) === 0) await sleep(10);
  });

  describe("with Redis", () => {
    let redis: PrivateServer;
    beforeEach(async () => {
      redis = await startRedis();
    }, 20_000);
    afterEach(() => redis.stop());
    /** Waits until so many processes listen. */
    const untilHeard = async (listeners: number) => {
      const client = new Redis(redis.url);
      while ((await client.pubsub("NUMSUB", "cos.auth.changed"))[1] !== listeners) await sleep(5);
      client.disconnect();
    };
    const test = needs("redis");

    test("a change in one process is seen in the others at once", async () => {
      const token = await addToken();
      const [here, there] = [open, open].map((each) => each({ pollMs: NEVER_MS, redisUrl: redis.url }));
      await untilHeard(2);
      const ended = endOf(await enter(there as Gatekeeper, token));
      await auth.revoke(token);
      (here as Gatekeeper).changed();
      expect(await ended).toBe("TOKEN_REVOKED");
    });

    test("a lost connection changes nothing but the speed, and N1: it listens again when Redis is back", async () => {
      const [first, second] = [await addToken(), await addToken()];
      const quick = { pollMs: NEVER_MS, redisUrl: redis.url };
      const [here, there, polling] = [open(quick), open(quick), open({ redisUrl: redis.url })];
      await untilHeard(3);
      const [ended, endedByPoll] = [endOf(await enter(there, second)), endOf(await enter(polling, first))];
      await redis.kill();
      await auth.revoke(first);
      here.changed();
      expect(await endedByPoll).toBe("TOKEN_REVOKED");
      await redis.restart();
      await untilHeard(3);
      await auth.revoke(second);
      here.changed();
      expect(await ended).toBe("TOKEN_REVOKED");
    }, 20_000);

    test("replicas that count calls together share one limit, and count by themselves while Redis is away", async () => {
      const env = { COS_RATE_LIMIT_AGENTS: "1000+1000", COS_RATE_LIMIT_STORE: "redis" };
      const shared = { redisUrl: redis.url, rates: readSettings(env, RATE_SETTINGS) };
      const [here, there] = [open(shared), open(shared)];
      await untilHeard(2);
      const token = await addToken();
      await enter(here, token);
      await enter(there, token);
      // Three thousand calls in less than a second, which `there` hears of with its next own call.
      let letIn = 0;
      while (letIn < 4000 && (await refusalOf(here, token)) === undefined) letIn += 1;
      while ((await refusalOf(there, token)) !== "RATE_LIMITED") await sleep(1);
      const client = new Redis(redis.url);
      expect((await client.keys("cos:rate:agent:*")).length).toBeGreaterThan(0);
      client.disconnect();
      await redis.kill();
      const another = await addToken();
      for (let n = 0; n < 100; n++) expect(await refusalOf(here, another)).toBeUndefined();
    }, 20_000);
  });

  describe("a PostgreSQL that goes", () => {
    let server: PrivateServer;
    let own: TestAuth;
    beforeAll(async () => {
      server = await startPostgres({ fsync: "on" });
      await migrateConductor({ url: server.url, log: silent });
      own = await openTestAuth(server.url);
    }, 30_000);
    afterAll(async () => {
      await own.close();
      await server.stop();
    });

    test("known tokens go on working, unknown ones are told so, and what was revoked ends when it is back", async () => {
      const [known, unknown] = [await own.addToken("known", {}), await own.addToken("unknown", {})];
      const gatekeeper = open({ postgres: own.postgres });
      const access = await enter(gatekeeper, known);
      const ended = endOf(access);
      await own.revoke(unknown);
      await server.kill();
      expect(await refusalOf(gatekeeper, unknown)).toBe("ENGINE_UNAVAILABLE");
      expect(gatekeeper.letIn(shown(known))).toBe(access);
      await server.restart();
      const late = await openTestAuth(server.url);
      await late.revoke(known);
      expect(await ended).toBe("TOKEN_REVOKED");
      await late.close();
      expect(await refusalOf(gatekeeper, unknown)).toBe("TOKEN_REVOKED");
    }, 30_000);
  });
});

const shown = ({ secret }: TestToken) => ({
  authorization: `Bearer ${secret}`,
  certificateName: undefined,
  certificateExpiresMs: undefined,
  peer: "127.0.0.1",
  isFromPage: false,
});

async function enter(gatekeeper: Gatekeeper, token: TestToken): Promise<Access> {
  return gatekeeper.letIn(shown(token));
}

/** Why a token is refused now; undefined: it is let in. */
async function refusalOf(gatekeeper: Gatekeeper, token: TestToken): Promise<string | undefined> {
  try {
    await gatekeeper.letIn(shown(token));
    return undefined;
  } catch (error) {
    return (error as CosError).reasonName;
  }
}

/** Why an access that is watched ends, when it does. */
function endOf(access: Access): Promise<string> {
  return new Promise((resolve) => access.watch({ ended: ({ reasonName }) => resolve(reasonName) }));
}

function changeOf(access: Access): Promise<void> {
  return new Promise((resolve) => access.watch({ ended: () => undefined, changed: resolve }));
}
