import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listenOf } from "#shared/config/listen-of.ts";
import { formatListen } from "#shared/config/settings.ts";
import { EXIT_MISCONFIGURED } from "#shared/lifecycle/run-service.ts";
import { checkHealth, type HealthAnswer } from "./check-health.ts";
import { originOf, reachedFromHere } from "./entrance.ts";
import { keepRunning } from "./keep-running.ts";
import { noteProcess, stopLeftover } from "./leftovers.ts";
import { formatLine } from "./logs/format-line.ts";
import type { Mesh } from "./mesh.ts";
import { isAlive } from "./processes/is-alive.ts";
import { listenFault, takenPort } from "./processes/listen-fault.ts";
import { type ManagedProcess, startProcess } from "./processes/managed-process.ts";
import { SERVICE_RANK } from "./processes/stop-processes.ts";
import type { Service } from "./services.ts";
import type { Address } from "./tell-addresses.ts";

// Beyond the service's own drain, so that it ends by itself.
const STOP_MARGIN_MS = 5_000;
const HEALTHY_WITHIN_MS = 30_000;
const POLL_MS = 50;

/** Makes room for a service before anything is started: stops what an earlier start left of it, looks at its address. */
export async function makeRoom(mesh: Mesh, service: Service): Promise<void> {
  await stopLeftover(mesh.paths.run, service.name, mesh.say);
  const listen = listenOf(mesh.env, service.listen);
  const fault = await listenFault(listen);
  if (fault !== undefined) throw takenPort(service.listen.name, listen, fault);
}

/** Starts a service and keeps it running; answers with its addresses when it serves, or when it clearly does not. */
export async function startService(mesh: Mesh, service: Service, urls: Record<string, string>): Promise<Address[]> {
  const listen = listenOf(mesh.env, service.listen);
  const entrance = service.entrance(mesh.env);
  const probe: Probe = { address: reachedFromHere(listen), certificate: entrance.certificate?.file };
  const logFile = join(mesh.paths.logs, `${service.name}.log`);
  const say = (line: string) => {
    mesh.follower.drain();
    mesh.say(line);
  };
  mesh.follower.add(logFile, (line) => {
    const shown = formatLine(service.name, line);
    if (shown !== undefined) mesh.say(shown);
  });
  const spawn = () => spawnService(mesh, service, logFile, { ...mesh.env, ...service.callees?.(mesh.env), ...urls });
  const restart = async () => {
    const process = await spawn();
    void untilHealthy(probe, process).then((healthy) => healthy && say(`${service.name} is back`));
    return process;
  };
  const first = await spawn();
  const isMisconfigured = ({ code }: { code: number | undefined }) => code === EXIT_MISCONFIGURED;
  mesh.keep(
    keepRunning(first, { start: restart, say, stopping: mesh.stopping, isMisconfigured }).finally(() =>
      mesh.follower.drain(),
    ),
  );
  const serves = await untilHealthy(probe, first);
  const about = serves ? service.about : `does not serve yet: see ${logFile}`;
  const [origin, certificate] = [originOf(listen, entrance), entrance.certificate?.file];
  const own: Address = { name: service.name, address: formatListen(listen), about, serves, origin, certificate };
  const { health } = entrance;
  if (health === undefined) return [own];
  return [own, { name: "health", address: formatListen(health), about: `of ${service.name}, without TLS`, serves }];
}

async function spawnService(
  mesh: Mesh,
  service: Service,
  logFile: string,
  env: Record<string, string | undefined>,
): Promise<ManagedProcess> {
  const started = await startProcess({
    name: service.name,
    rank: SERVICE_RANK,
    signal: "SIGTERM",
    graceMs: service.drainMs(mesh.env) + STOP_MARGIN_MS,
    forceSignal: "SIGKILL",
    command: process.execPath,
    args: [join(mesh.paths.root, service.entry)],
    env,
    cwd: mesh.paths.root,
    logFile,
    ipc: true,
  });
  mesh.register.add(started);
  noteProcess(mesh.paths.run, started);
  return started;
}

/** Where a process is asked for its health. */
interface Probe {
  readonly address: string;
  /** The file of its listener's certificate, which is read each time: it may be replaced. */
  readonly certificate: string | undefined;
}

/** Waits until the process serves; false when it has ended, or does not serve in time. */
async function untilHealthy(probe: Probe, started: ManagedProcess): Promise<boolean> {
  const end = performance.now() + HEALTHY_WITHIN_MS;
  while (performance.now() < end && isAlive(started.pid)) {
    if ((await askHealth(probe)) === "serving") return true;
    await sleep(POLL_MS);
  }
  return false;
}

async function askHealth({ address, certificate }: Probe): Promise<HealthAnswer> {
  try {
    return await checkHealth(address, certificate === undefined ? undefined : readFileSync(certificate, "utf8"));
  } catch {
    // The certificate is just being replaced.
    return "silent";
  }
}
