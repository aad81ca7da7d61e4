import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { localScope } from "#shared/auth/scope.ts";
import { SettingsError, unknownVariables } from "#shared/config/read-settings.ts";
import { formatListen } from "#shared/config/settings.ts";
import type { Closers } from "#shared/lifecycle/closers.ts";
import { type Host, type Running, runService } from "#shared/lifecycle/run-service.ts";
import { watchHealth } from "#shared/lifecycle/watch-health.ts";
import { openLog } from "#shared/log/open-log.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";
import { openServer } from "#shared/rpc/open-server.ts";
import { faultsOf } from "#shared/rpc/validate-message.ts";
import { CONDUCTOR_SETTINGS, type ConductorSettings, readConductorSettings } from "./config.ts";
import { Highway } from "./highway.ts";
import { routes } from "./routes.ts";
import { openStore, type Store } from "./store/open-store.ts";

const HEALTH_INTERVAL_MS = 500;
const HEALTH_TIMEOUT_MS = 1500;

/** Opens everything that the conductor is made of, in the order in which it must be closed backwards. */
async function startConductor(env: Host["env"], closers: Closers): Promise<Running> {
  const settings = readConductorSettings(env);
  const log = openLog({ service: "conductor", level: settings.logLevel });
  const names = Object.values(CONDUCTOR_SETTINGS).map(({ name }) => name);
  // What is far from our names may be meant for another process of the mesh.
  for (const { meant, warning } of unknownVariables(env, names)) if (meant !== undefined) log.warn(warning);
  if (settings.auth === "insecure")
    log.warn({ ...settings.listen }, "whoever reaches this address may record and read");

  const highway = new Highway(settings, log);
  const { databaseUrl: url, postgresPoolMax: poolMax } = settings;
  const store = await openStore({ url, poolMax, log, onCommitted: highway.publish });
  closers.add("store", () => store.close());
  await refuseOldSchema(store);

  closers.add("highway", () => highway.close());
  highway.open(store);

  const server = await listening(settings, () =>
    openServer({
      name: "conductor",
      services: routes({
        store,
        subscribe: highway.subscribe,
        validate: (request) => faultsOf(RecordMemoryRequestSchema, request),
        onFault: (call, err) => log.error({ request_id: call.requestId, err }, "an item of a stream failed"),
      }),
      listen: settings.listen,
      log,
      allowedHosts: settings.allowedHosts,
      allowedOrigins: settings.allowedOrigins,
      connectionAgeMaxMs: settings.connectionAgeMaxMs,
      stallTimeoutMs: settings.stallTimeoutMs,
      scopeOf: localScope,
    }),
  );
  closers.add("server", () => server.close());

  const stopWatching = watchHealth({
    check: () => store.ready(),
    report: (healthy, err) => {
      server.health.setAll(healthy ? "SERVING" : "NOT_SERVING");
      if (healthy) log.info("serving");
      else log.warn({ err }, "not serving: PostgreSQL does not answer");
    },
    intervalMs: HEALTH_INTERVAL_MS,
    timeoutMs: HEALTH_TIMEOUT_MS,
  });
  closers.add("health watch", stopWatching);

  const { leaveBalancerMs, drainGraceMs: graceMs } = settings;
  return { log, drain: () => server.drain({ leaveBalancerMs, graceMs, endStreams: () => highway.drain() }) };
}

/** PostgreSQL may come later; a schema that is too old will not become younger. */
async function refuseOldSchema(store: Store): Promise<void> {
  try {
    await store.ready();
  } catch (error) {
    if (error instanceof SchemaOutdatedError) throw new SettingsError([error.message]);
  }
}

async function listening<T>({ listen }: ConductorSettings, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const faults: Record<string, string> = {
      EADDRINUSE: "is in use: stop what listens there, or choose another port",
      EADDRNOTAVAIL: "is no address of this machine",
      EACCES: "needs more rights: choose a port above 1023",
      ENOTFOUND: "is no host that can be found",
    };
    const fault = code === undefined ? undefined : faults[code];
    if (fault === undefined) throw error;
    throw new SettingsError([`COS_CONDUCTOR_LISTEN ${formatListen(listen)} ${fault}`]);
  }
}

await runService("conductor", startConductor);
