import type { Log } from "#shared/log/open-log.ts";
import { checkPostgres } from "./engines/check-postgres.ts";
import { LaunchFault } from "./launch-fault.ts";
import type { Mesh } from "./mesh.ts";
import { jobUrl, ownUrl, withJobLog } from "./service-job.ts";
import type { Service } from "./services.ts";

/** Brings every service's schema up to date. */
export async function migrateServices(mesh: Mesh, services: readonly Service[], postgresUrl: string): Promise<void> {
  await withJobLog(mesh, async (log) => {
    for (const service of services) await migrateService(mesh, service, postgresUrl, log);
  });
}

async function migrateService(mesh: Mesh, service: Service, postgresUrl: string, log: Log): Promise<void> {
  const own = ownUrl(mesh, service);
  if (own !== undefined) await checkPostgres(service.postgresVariable, own);
  const owner = mesh.settings.postgresOwnerUrl;
  if (owner !== undefined) await checkPostgres("COS_POSTGRES_OWNER_URL", owner);
  try {
    await service.migrate({ url: jobUrl(mesh, service, postgresUrl), log });
  } catch (cause) {
    const { message } = cause as Error;
    throw new LaunchFault(`${service.name}: its schema could not be brought up to date: ${message}`, { cause });
  }
}
