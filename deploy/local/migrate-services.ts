import { join } from "node:path";
import { destination } from "pino";
import { openLog } from "#shared/log/open-log.ts";
import { checkPostgres } from "./engines/check-postgres.ts";
import { LaunchFault } from "./launch-fault.ts";
import type { Mesh } from "./mesh.ts";
import type { Service } from "./services.ts";

/** Brings every service's schema up to date: in its own PostgreSQL, if it has one, and as the owner, if there is one. */
export async function migrateServices(mesh: Mesh, services: readonly Service[], postgresUrl: string): Promise<void> {
  const to = destination({ dest: join(mesh.paths.logs, "launcher.log"), sync: true });
  const log = openLog({ service: "launcher", to });
  try {
    for (const service of services) await migrateService(mesh, service, postgresUrl, log);
  } finally {
    to.end();
  }
}

async function migrateService(
  mesh: Mesh,
  service: Service,
  postgresUrl: string,
  log: ReturnType<typeof openLog>,
): Promise<void> {
  const own = mesh.env[service.postgresVariable] || undefined;
  if (own !== undefined) await checkPostgres(service.postgresVariable, own);
  const owner = mesh.settings.postgresOwnerUrl;
  if (owner !== undefined) await checkPostgres("COS_POSTGRES_OWNER_URL", owner);
  try {
    await service.migrate({ url: owner ?? own ?? postgresUrl, log });
  } catch (cause) {
    const { message } = cause as Error;
    throw new LaunchFault(`${service.name}: its schema could not be brought up to date: ${message}`, { cause });
  }
}
