import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSettings } from "#shared/config/read-settings.ts";
import { formatListen, type Listen } from "#shared/config/settings.ts";
import { EXIT_MISCONFIGURED } from "#shared/lifecycle/run-service.ts";
import { checkHealth } from "./check-health.ts";
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
  const listen = addressOf(mesh, service);
  const fault = await listenFault(listen);
  if (fault !== undefined) throw takenPort(service.listen.name, listen, fault);
}

function addressOf(mesh: Mesh, service: Service): Listen {
  return readSettings(mesh.env, { listen: service.listen }).listen;
}

/** Starts a service and keeps it running; answers when it serves, or when it clearly does not. */
export async function startService(mesh: Mesh, service: Service, urls: Record<string, string>): Promise<Address> {
  const address = formatListen(addressOf(mesh, service));
  const logFile = join(mesh.paths.logs, `${service.name}.log`);
  const say = (line: string) => {
    mesh.follower.drain();
    mesh.say(line);
  };
  mesh.follower.add(logFile, (line) => {
    const shown = formatLine(service.name, line);
    if (shown !== undefined) mesh.say(shown);
  });
  const spawn = () => spawnService(mesh, service, logFile, { ...mesh.env, ...urls });
  const restart = async () => {
    const process = await spawn();
    void untilHealthy(address, process).then((healthy) => healthy && say(`${service.name} is back`));
    return process;
  };
  const first = await spawn();
  const isMisconfigured = ({ code }: { code: number | undefined }) => code === EXIT_MISCONFIGURED;
  mesh.keep(
    keepRunning(first, { start: restart, say, stopping: mesh.stopping, isMisconfigured }).finally(() =>
      mesh.follower.drain(),
    ),
  );
  const serves = await untilHealthy(address, first);
  const about = serves ? service.about : `does not serve yet: see ${logFile}`;
  return { name: service.name, address, about, serves };
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

/** Waits until the process serves; false when it has ended, or does not serve in time. */
async function untilHealthy(address: string, started: ManagedProcess): Promise<boolean> {
  const end = performance.now() + HEALTHY_WITHIN_MS;
  while (performance.now() < end && isAlive(started.pid)) {
    if ((await checkHealth(address)) === "serving") return true;
    await sleep(POLL_MS);
  }
  return false;
}
