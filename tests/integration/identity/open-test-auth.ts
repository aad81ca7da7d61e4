import { randomUUIDv7 } from "node:crypto";
import { defineEntity, p } from "@mikro-orm/core";
import { Client } from "pg";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";

export const silent = openLog({ service: "test", level: "silent" });

/** Rights in `cos_auth`, changed behind everybody's back by plain SQL. */
export interface TestAuth {
  readonly postgres: Postgres;
  readonly client: Client;
  /** Makes a principal (an agent) with these grants, and a token of it. */
  addToken(name: string, grants: Record<string, number>): Promise<TestToken>;
  revoke(token: TestToken): Promise<void>;
  close(): Promise<void>;
}

export interface TestToken {
  readonly id: string;
  readonly secret: string;
  /** Its SHA-256 in hexadecimal digits. */
  readonly hash: string;
}

/** Opens `cos_auth` of a migrated database. */
export async function openTestAuth(url: string): Promise<TestAuth> {
  const client = new Client({ connectionString: url });
  // A server that is killed takes its connections along.
  client.on("error", () => undefined);
  await client.connect();
  const postgres = await openPostgres({
    url,
    applicationName: "auth",
    entities: [defineEntity({ name: "Nothing", properties: { id: p.integer().primary() } })],
    schema: "none",
    migrations: [],
    poolMax: 2,
    log: silent,
  });
  return {
    postgres,
    client,
    addToken: async (name, grants) => {
      await client.query("insert into cos_auth.principal (name, kind, created_by) values ($1, 'agent', 'test')", [
        name,
      ]);
      for (const [module, verb] of Object.entries(grants)) {
        await client.query("insert into cos_auth.granted values ($1, 'agent', $2, $3)", [name, module, verb]);
      }
      const [id, secret] = [randomUUIDv7(), makeApiToken(PrincipalKind.AGENT)];
      const hash = hashOfApiToken(secret);
      const text = "insert into cos_auth.token (id, principal, hash, created_by) values ($1, $2, $3, 'test')";
      await client.query(text, [id, name, hash]);
      return { id, secret, hash: hash.toString("hex") };
    },
    revoke: async ({ id }) => {
      await client.query("update cos_auth.token set revoked_at = now() where id = $1", [id]);
    },
    close: async () => {
      await client.end().catch(() => undefined);
      await postgres.close();
    },
  };
}
