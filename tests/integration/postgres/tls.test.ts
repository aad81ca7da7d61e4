import { chownSync, copyFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Client } from "pg";
import { openLog } from "#shared/log/open-log.ts";
import { openPostgres } from "#shared/postgres/open-postgres.ts";
import { type PrivateServer, startPostgres } from "#tests/support/private-servers.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";

let folder: TlsFolder;
let server: PrivateServer;
beforeAll(async () => {
  folder = await makeTlsFolder();
  server = await startPostgres();
  // For an address the name of pg's own would be `localhost`: this certificate tells whether the address is compared.
  await folder.write("named", await folder.makeServer(["localhost"]));
  await folder.write("client", await folder.makeClient(["spiffe://cos/conductor"]));
  await speakTls("server");
});
afterAll(async () => {
  await server?.stop();
  folder.remove();
});

/** Makes the server speak TLS with one of the folder's certificates, as the user that it runs as. */
async function speakTls(name: string): Promise<void> {
  const admin = new Client({ connectionString: server.url });
  await admin.connect();
  const { rows } = await admin.query("show data_directory");
  const home: string = rows[0].data_directory;
  const { uid, gid } = statSync(home);
  for (const file of [`${name}.pem`, `${name}.key`, "ca.pem"]) {
    copyFileSync(folder.path(file), join(home, file));
    chownSync(join(home, file), uid, gid);
  }
  await admin.query("alter system set ssl = on");
  await admin.query(`alter system set ssl_cert_file = '${name}.pem'`);
  await admin.query(`alter system set ssl_key_file = '${name}.key'`);
  await admin.query("alter system set ssl_ca_file = 'ca.pem'");
  await admin.query("select pg_reload_conf()");
  await admin.end();
}

/** The version of TLS that a URL's connection speaks, null without; and the name of the client's certificate. */
async function protocolOf(parameters: string, host = "127.0.0.1") {
  const log = openLog({ service: "test", level: "silent" });
  const url = `${server.url.replace("127.0.0.1", host)}${parameters}`;
  const postgres = await openPostgres({
    url,
    applicationName: "tls",
    entities: [],
    schema: "tls",
    migrations: [],
    log,
  });
  try {
    const { rows } = await postgres.pool.query(
      "select version, client_serial is not null as certified from pg_stat_ssl where pid = pg_backend_pid()",
    );
    // The pool from which statements are cancelled is another one.
    await postgres.cancelBackend(1_000_000_000);
    return rows[0];
  } finally {
    await postgres.close();
  }
}

describe("a PostgreSQL that speaks TLS", () => {
  test.each(["require", "verify-ca", "verify-full"])("sslmode=%s verifies, and speaks TLS", async (mode) => {
    const ca = folder.path("ca.pem");
    expect(await protocolOf(`?sslmode=${mode}&sslrootcert=${ca}`)).toEqual({ version: "TLSv1.3", certified: false });
  });

  test("a client shows its certificate", async () => {
    const files = `sslcert=${folder.path("client.pem")}&sslkey=${folder.path("client.key")}`;
    expect(await protocolOf(`?sslrootcert=${folder.path("ca.pem")}&${files}`)).toEqual({
      version: "TLSv1.3",
      certified: true,
    });
  });

  test("without sslmode, and with sslmode=disable, there is no TLS", async () => {
    expect(await protocolOf("")).toEqual({ version: null, certified: false });
    expect(await protocolOf("?sslmode=disable")).toEqual({ version: null, certified: false });
  });

  test("an authority that is not the server's is refused, by every mode", async () => {
    const stranger = await makeTlsFolder();
    for (const mode of ["require", "verify-ca", "verify-full"]) {
      const parameters = `?sslmode=${mode}&sslrootcert=${stranger.path("ca.pem")}`;
      await expect(protocolOf(parameters)).rejects.toMatchObject({ message: expect.stringMatching(/certificate/i) });
      await expect(protocolOf(`?sslmode=${mode}`)).rejects.toThrow(/certificate/i);
    }
    stranger.remove();
  });

  test("an address that the certificate does not name is refused; the name is not", async () => {
    await speakTls("named");
    const parameters = `?sslmode=verify-full&sslrootcert=${folder.path("ca.pem")}`;
    await expect(protocolOf(parameters)).rejects.toThrow(/127.0.0.1 is not in the cert's list/);
    expect(await protocolOf(parameters, "localhost")).toMatchObject({ version: "TLSv1.3" });
    await speakTls("server");
  });
});

test("a PostgreSQL without TLS is refused where TLS is asked for", async () => {
  const plain = await startPostgres();
  const log = openLog({ service: "test", level: "silent" });
  const postgres = await openPostgres({
    url: `${plain.url}?sslmode=verify-full&sslrootcert=${folder.path("ca.pem")}`,
    applicationName: "tls",
    entities: [],
    schema: "tls",
    migrations: [],
    log,
  });
  await expect(postgres.pool.query("select 1")).rejects.toThrow("The server does not support SSL connections");
  await postgres.close();
  await plain.stop();
});
