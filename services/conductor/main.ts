import { RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { CLIENT_SETTINGS } from "#shared/config/client-settings.ts";
import { ENGINE_LISTENERS } from "#shared/config/engine-listeners.ts";
import { NEO4J_SETTINGS } from "#shared/config/neo4j-settings.ts";
import { namesOf, SettingsError, unknownVariables } from "#shared/config/read-settings.ts";
import { Chore } from "#shared/lifecycle/chore.ts";
import type { Closers } from "#shared/lifecycle/closers.ts";
import { type Host, type Running, runService } from "#shared/lifecycle/run-service.ts";
import { watchHealth } from "#shared/lifecycle/watch-health.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";
import { openServer } from "#shared/rpc/open-server.ts";
import { readStaticPage } from "#shared/rpc/static-page.ts";
import { faultsOf } from "#shared/rpc/validate-message.ts";
import { listening } from "#shared/service/listening.ts";
import { openDoor } from "#shared/service/open-door.ts";
import { CONDUCTOR_SETTINGS, type ConductorSettings, MIGRATION_SETTINGS, readConductorSettings } from "./config.ts";
import { Desk } from "./delivery/desk.ts";
import { Highway } from "./highway.ts";
import { routes } from "./routes.ts";
import { IndexWatch } from "./search/index-watch.ts";
import { Indexer } from "./search/indexer.ts";
import { openSearch } from "./search/search-memories.ts";
import type { OnCommitted } from "./store/announce-committed.ts";
import { consumerNotFound } from "./store/consumers/consumer-store.ts";
import { openStore, type Store } from "./store/open-store.ts";

const HEALTH_INTERVAL_MS = 500;
const HEALTH_TIMEOUT_MS = 1500;
const SEAL_INTERVAL_MS = 1000;
const MEMBER_HEARTBEAT_MS = 10_000;
const CLEAN_INTERVAL_MS = 1000;
const CLEAN_PAUSE_MS = 20;

/** Opens everything that the conductor is made of, in the order in which it must be closed backwards. */
async function startConductor(env: Host["env"], closers: Closers): Promise<Running> {
  const settings = readConductorSettings(env);
  const log = openLog({ service: "conductor", level: settings.logLevel });
  const names = namesOf(CONDUCTOR_SETTINGS, MIGRATION_SETTINGS, CLIENT_SETTINGS, ENGINE_LISTENERS, NEO4J_SETTINGS);
  // What is far from our names may be meant for another process of the mesh.
  for (const { meant, warning } of unknownVariables(env, names)) if (meant !== undefined) log.warn(warning);
  if (settings.auth === "insecure")
    log.warn({ ...settings.listen }, "whoever reaches this address may record and read");

  const highway = new Highway(settings, log);
  const { databaseUrl: url, postgresPoolMax: poolMax } = settings;
  const onCommitted: OnCommitted = (module, committed) => {
    highway.publish(module, committed);
    indexer.wake();
  };
  const store = await openStore({ url, poolMax, log, onCommitted });
  closers.add("store", () => store.close());
  await refuseOldSchema(store);
  const indexWatch = new IndexWatch({ places: () => store.search.places("all") });
  const indexer = new Indexer({ index: store.search, log, onMoved: indexWatch.moved });
  closers.add("indexer", () => indexer.close());

  closers.add("highway", () => highway.close());
  highway.open(store);

  const desk = openDesk(settings, { store, highway, log });
  closers.add("consumers", () => desk.close());

  const { postgres } = store;
  const gatekeeper = openDoor(settings, { serviceName: "conductor", postgres, log }, closers);
  keepHouse(store, log, closers);

  const server = await listening(listenersOf(settings), () =>
    openServer({
      name: "conductor",
      services: routes({
        store,
        search: openSearch({ index: store.search, log: store.log, places: store.search.places, watch: indexWatch }),
        subscribe: highway.subscribe,
        validate: (request) => faultsOf(RecordMemoryRequestSchema, request),
        clearHighway: highway.forget,
        consume: { desk, epoch: () => store.log.epochs().current.identity, heartbeatMs: MEMBER_HEARTBEAT_MS },
        onModuleRegistered: highway.lookForModules,
        highwayView: highway.viewOf,
        onRightsChanged: gatekeeper.changed,
        onFault: (call, err) => log.error({ request_id: call.requestId, err }, "an item of a stream failed"),
      }),
      listen: settings.listen,
      tls: settings.tls,
      healthListen: settings.healthListen,
      log,
      allowedHosts: settings.allowedHosts,
      allowedOrigins: settings.allowedOrigins,
      connectionAgeMaxMs: settings.connectionAgeMaxMs,
      stallTimeoutMs: settings.stallTimeoutMs,
      letIn: gatekeeper.letIn,
      page: readStaticPage(new URL("start-page.html", import.meta.url)),
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
  return { log, drain: () => server.drain({ leaveBalancerMs, graceMs, endStreams: () => endStreams(highway, desk) }) };
}

/** What is done now and then, by one conductor at a time. */
function keepHouse({ access, scratch }: Store, log: Log, closers: Closers): void {
  const sealing = { failed: "the audit could not be sealed; trying again", again: "the audit is sealed again" };
  const sealer = new Chore({ batch: access.sealAudit, intervalMs: SEAL_INTERVAL_MS, words: sealing, log });
  closers.add("audit sealer", () => sealer.close());
  const cleaner = new Chore({
    batch: scratch.clean,
    intervalMs: CLEAN_INTERVAL_MS,
    // So that whoever writes notes gets its turn.
    pauseMs: CLEAN_PAUSE_MS,
    words: {
      failed: "notes that have expired could not be cleaned away; trying again",
      again: "notes that have expired are cleaned away again",
    },
    log,
  });
  closers.add("note cleaner", () => cleaner.close());
}

/** The desk where consumers' members work. */
function openDesk(
  { connectionAgeMaxMs: ageMaxMs }: ConductorSettings,
  { store, highway, log }: { readonly store: Store; readonly highway: Highway; readonly log: Log },
): Desk {
  const { deliveries } = store.consumers;
  const desk = new Desk({
    store: deliveries,
    highway,
    notFound: consumerNotFound,
    log,
    ageMaxMs,
    heartbeatMs: MEMBER_HEARTBEAT_MS,
  });
  store.onEpochChanged(() => desk.epochChanged());
  return desk;
}

function endStreams(highway: Highway, desk: Desk): void {
  desk.drain();
  highway.drain();
}

/** The listeners, with the variables that name them where one cannot be had. */
function listenersOf({ listen, healthListen }: ConductorSettings): Parameters<typeof listening>[0] {
  return {
    main: { variable: CONDUCTOR_SETTINGS.listen.name, at: listen },
    health: healthListen && { variable: CONDUCTOR_SETTINGS.healthListen.name, at: healthListen },
  };
}

/** PostgreSQL may come later; a schema that is too old will not become younger. */
async function refuseOldSchema(store: Store): Promise<void> {
  try {
    await store.ready();
  } catch (error) {
    if (error instanceof SchemaOutdatedError) throw new SettingsError([error.message]);
  }
}

await runService("conductor", startConductor);
