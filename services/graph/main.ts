import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { CallContext } from "#shared/auth/call-context.ts";
import { CLIENT_SETTINGS } from "#shared/config/client-settings.ts";
import { ENGINE_LISTENERS } from "#shared/config/engine-listeners.ts";
import { namesOf, SettingsError, unknownVariables } from "#shared/config/read-settings.ts";
import type { FollowOptions } from "#shared/highway/client/follow.ts";
import type { Gatekeeper } from "#shared/identity/open-gatekeeper.ts";
import { readServiceKey } from "#shared/identity/read-service-key.ts";
import type { Closers } from "#shared/lifecycle/closers.ts";
import { type Host, type Running, runService } from "#shared/lifecycle/run-service.ts";
import { watchHealth } from "#shared/lifecycle/watch-health.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { openPostgres } from "#shared/postgres/open-postgres.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";
import { openServer } from "#shared/rpc/open-server.ts";
import { listening } from "#shared/service/listening.ts";
import { openDoor } from "#shared/service/open-door.ts";
import { readClientTls } from "#shared/service/read-client-tls.ts";
import { type Conductor, openConductor } from "./conductor.ts";
import { GRAPH_SETTINGS, type GraphSettings, MIGRATION_SETTINGS, readGraphSettings } from "./config.ts";
import { extractMentions } from "./domain/extract/extract-mentions.ts";
import { EXTRACTOR_VERSION } from "./domain/extract/extractor-version.ts";
import type { GraphStore } from "./domain/graph-store.ts";
import { OpenStreams } from "./handlers/open-streams.ts";
import { applyEvents } from "./projection/apply-events.ts";
import { openAwaitPlace } from "./projection/await-place.ts";
import { Projection } from "./projection/projection.ts";
import { readMemory } from "./projection/read-memory.ts";
import { PlaceReporter } from "./projection/report-places.ts";
import { routes } from "./routes.ts";
import { openNeo4jGraph } from "./store/neo4j/open-neo4j-graph.ts";
import { openPostgresGraph } from "./store/postgres/open-postgres-graph.ts";

const HEALTH_INTERVAL_MS = 500;
/** Longer than a read of the store: a check that is cut short would tell the breaker nothing. */
const HEALTH_TIMEOUT_MS = 2500;
/** The highway's shortest: a conductor that is gone is missed after three of them. */
const HEARTBEAT_MS = 5_000;
/** Looking up tokens takes few connections. */
const DOOR_POOL_MAX = 3;

/** Opens everything that the graph is made of, in the order in which it must be closed backwards. */
async function startGraph(env: Host["env"], closers: Closers): Promise<Running> {
  const settings = readGraphSettings(env);
  const log = openLog({ service: "graph", level: settings.logLevel });
  const names = namesOf(GRAPH_SETTINGS, MIGRATION_SETTINGS, CLIENT_SETTINGS, ENGINE_LISTENERS);
  // What is far from our names may be meant for another process of the mesh.
  for (const { meant, warning } of unknownVariables(env, names)) if (meant !== undefined) log.warn(warning);
  if (settings.auth === "insecure") log.warn({ ...settings.listen }, "whoever reaches this address may ask and change");

  const store = await openGraph(settings, log);
  closers.add("store", () => store.close());
  await refuseOldSchema(store);

  const conductor = openConductor(conductorOptions(settings, log));
  closers.add("conductor", () => conductor.close());

  let reporter: PlaceReporter | undefined;
  const projection: Projection = new Projection({
    store,
    subscribe: (modules) => logOf(conductor, modules),
    renews: conductor.renews,
    read: (memory) => readMemory(memory, extractMentions),
    apply: applyEvents,
    extractorVersion: EXTRACTOR_VERSION,
    onParked: (module) => reporter?.parked(module),
    log,
  });
  closers.add("projection", () => projection.close());
  projection.open();
  reporter = openReporter({ store, projection, conductor, log });
  closers.add("reporter", async () => reporter?.close());

  const gatekeeper = await openGate(settings, log, closers);
  const streams = new OpenStreams({ ageMaxMs: settings.connectionAgeMaxMs });
  const server = await listening(listenersOf(settings), () =>
    openServer({
      name: "graph",
      services: routes({
        store,
        projection,
        streams,
        awaitPlace: openAwaitPlace({ store, projection, proveCursor: conductor.proveCursor }),
        recordAct: (request, call) => conductor.recordGraphAct(request, { ...callerOf(call), ...timeLeft(call) }),
        extractorVersion: EXTRACTOR_VERSION,
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
    }),
  );
  closers.add("server", () => server.close());

  const stopWatching = watchHealth({
    check: (signal) => store.ready(signal),
    report: (healthy, err) => {
      server.health.setAll(healthy ? "SERVING" : "NOT_SERVING");
      if (healthy) log.info({ engine: store.engine }, "serving");
      else log.warn({ err, engine: store.engine }, "not serving: the graph's engine does not answer");
    },
    intervalMs: HEALTH_INTERVAL_MS,
    timeoutMs: HEALTH_TIMEOUT_MS,
  });
  closers.add("health watch", stopWatching);

  const { leaveBalancerMs, drainGraceMs: graceMs } = settings;
  return { log, drain: () => server.drain({ leaveBalancerMs, graceMs, endStreams: () => streams.drain() }) };
}

/** Where the graph is kept: in Neo4j, if there is one, else in PostgreSQL's tables. */
function openGraph(settings: GraphSettings, log: Log): Promise<GraphStore> {
  const { neo4jUrl: url, neo4jUser: user, neo4jPassword: password, neo4jPasswordFile: passwordFile } = settings;
  const { neo4jCa: caFile, neo4jDatabase: database, databaseUrl, postgresPoolMax: poolMax } = settings;
  if (url === undefined) return openPostgresGraph({ url: databaseUrl, poolMax, log });
  return openNeo4jGraph({ url, user, password, passwordFile, caFile, database, log, planAhead: true });
}

/** Without a key the conductor listens to nobody, and says of the graph that it was never heard of. */
function openReporter(needs: {
  readonly store: GraphStore;
  readonly projection: Projection;
  readonly conductor: Conductor;
  readonly log: Log;
}): PlaceReporter | undefined {
  const { store, projection, conductor, log } = needs;
  const { reportProjections } = conductor;
  if (reportProjections === undefined) {
    log.warn("the conductor is not told how far the graph has come: that needs a key (COS_GRAPH_SERVICE_KEY)");
    return undefined;
  }
  const reporter = new PlaceReporter({
    store,
    isConnected: () => projection.status.connected,
    report: (request, signal) => reportProjections(request, { signal }),
    log,
  });
  reporter.open();
  return reporter;
}

function conductorOptions(settings: GraphSettings, log: Log): Parameters<typeof openConductor>[0] {
  const tls = readClientTls(settings);
  const serviceKey = readServiceKey(GRAPH_SETTINGS.serviceKey.name, settings.serviceKey);
  return { address: settings.conductorAddress, ...(tls && { tls }), ...(serviceKey && { serviceKey }), log };
}

/** The log, as `follow` asks for it. */
function logOf(conductor: Conductor, modules: readonly string[] | undefined): FollowOptions["open"] {
  const which = modules === undefined ? { allModules: true } : { modules: [...modules] };
  const heartbeat = durationFromMs(HEARTBEAT_MS);
  return (place, { signal }) =>
    conductor.subscribe({ ...which, start: { case: "fromBeginning", value: true }, heartbeat, ...place }, { signal });
}

/** Who is let in: tokens are those of the mesh, wherever the graph itself is kept. */
async function openGate(settings: GraphSettings, log: Log, closers: Closers): Promise<Gatekeeper> {
  const postgres = await openPostgres({
    url: settings.postgresUrl ?? settings.databaseUrl,
    log,
    applicationName: "cos graph door",
    schema: "cos_auth",
    entities: [],
    migrations: [],
    poolMax: DOOR_POOL_MAX,
  });
  closers.add("tokens", () => postgres.close());
  return openDoor(settings, { serviceName: "graph", postgres, log }, closers);
}

function callerOf({ access, requestId, traceparent, signal }: CallContext): Parameters<Conductor["recordGraphAct"]>[1] {
  return { access, requestId, traceparent, signal };
}

/** How long the caller still waits. */
function timeLeft({ deadlineMs }: CallContext): { timeoutMs?: number } {
  return Number.isFinite(deadlineMs) ? { timeoutMs: Math.max(1, deadlineMs - Date.now()) } : {};
}

/** The listeners, with the variables that name them where one cannot be had. */
function listenersOf({ listen, healthListen }: GraphSettings): Parameters<typeof listening>[0] {
  return {
    main: { variable: GRAPH_SETTINGS.listen.name, at: listen },
    health: healthListen && { variable: GRAPH_SETTINGS.healthListen.name, at: healthListen },
  };
}

/** The engine may come later; a schema that is too old will not become younger. */
async function refuseOldSchema(store: GraphStore): Promise<void> {
  try {
    await store.ready();
  } catch (error) {
    if (error instanceof SchemaOutdatedError) throw new SettingsError([error.message]);
  }
}

await runService("graph", startGraph);
