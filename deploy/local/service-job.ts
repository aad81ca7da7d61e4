import { join } from "node:path";
import { destination } from "pino";
import { type Log, openLog } from "#shared/log/open-log.ts";
import type { Mesh } from "./mesh.ts";
import type { Service } from "./services.ts";

/** Where a service's jobs work: in its own PostgreSQL, if it has one, and as the owner, if there is one. */
export function jobUrl(mesh: Mesh, service: Service, postgresUrl: string): string {
  return mesh.settings.postgresOwnerUrl ?? ownUrl(mesh, service) ?? postgresUrl;
}

/** A service's own PostgreSQL; undefined: it uses the mesh's. */
export function ownUrl(mesh: Mesh, service: Service): string | undefined {
  return mesh.env[service.postgresVariable] || undefined;
}

/** Lends the launcher's log for the length of `work`. */
export async function withJobLog<T>(mesh: Mesh, work: (log: Log) => Promise<T>): Promise<T> {
  const to = destination({ dest: join(mesh.paths.logs, "launcher.log"), sync: true, mode: 0o600 });
  try {
    return await work(openLog({ service: "launcher", to }));
  } finally {
    to.end();
  }
}
