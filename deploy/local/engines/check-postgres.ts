import { Client } from "pg";
import { LaunchFault } from "../launch-fault.ts";

const VERSION_MIN = 150_000;
const CONNECT_TIMEOUT_MS = 5_000;
const WHY: Readonly<Record<string, string>> = {
  "28P01": "the name or password is refused",
  "28000": "the name is refused",
  "3D000": "there is no such database",
};

/** Refuses a PostgreSQL of the user's that cannot be used, naming the variable; the password is not repeated. */
export async function checkPostgres(variable: string, url: string, versionMin = VERSION_MIN): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on("error", () => {});
  const where = `${client.host}:${client.port}/${client.database}`;
  try {
    await client.connect();
    const { rows } = await client.query<{ version: string }>("select current_setting('server_version_num') as version");
    const version = Number(rows[0]?.version);
    if (version < versionMin)
      throw new Error(`it is PostgreSQL ${Math.floor(version / 10_000)}, 15 to 18 is supported`);
  } catch (cause) {
    const { code = "", message } = cause as Error & { code?: string };
    throw new LaunchFault(`${variable}: ${where} cannot be used: ${WHY[code] ?? (message || code)}`, {
      exitCode: 2,
      cause,
    });
  } finally {
    await client.end().catch(() => {});
  }
}
