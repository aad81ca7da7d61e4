import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus } from "#gen/grpc/health/v1/health_pb.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { type Ended, type RunningCommand, startCommand } from "./mesh-command.ts";
import { eventually } from "./mesh-wait.ts";

export const ROOT = join(import.meta.dirname, "..", "..");

/** One service, a process of its own. It ends with us, however we end: its IPC channel closes. */
export interface MeshProcess {
  readonly address: string;
  readonly pid: number;
  /** All that it wrote, log lines and others. */
  readonly output: () => string;
  readonly ended: Promise<Ended>;
  /** Whether it says SERVING of itself now; false if it does not answer at all. */
  isServing(): Promise<boolean>;
  /** Resolves when it serves; fails when it ends before that, or after 20 seconds. */
  serving(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and its end. */
  stop(): Promise<Ended>;
}

/** Which service, and where. */
interface ProcessStart {
  /** Its folder in `services`. */
  readonly name: "conductor" | "graph";
  /** What its health is asked of. */
  readonly service: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Where it tells its health without TLS. Unset: at its own port. */
  readonly healthPort?: number | undefined;
}

/**
 * Starts a service as an operator does: a command, and settings in the environment. One that speaks TLS is asked for its health at
 * `healthPort`.
 */
export function startMeshProcess({ name, service, port, env, healthPort }: ProcessStart): MeshProcess {
  const address = `127.0.0.1:${port}`;
  const healthAddress = `127.0.0.1:${healthPort ?? port}`;
  const variable = `COS_${name.toUpperCase()}`;
  const running = startCommand(process.execPath, [join(ROOT, "services", name, "main.ts")], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    cwd: ROOT,
    env: {
      ...env,
      [`${variable}_LISTEN`]: address,
      ...(healthPort !== undefined && { [`${variable}_HEALTH_LISTEN`]: healthAddress }),
    },
  });
  const output = () => running.stdout() + running.stderr();
  const isServing = () => checkHealth(healthAddress, service);
  return {
    address,
    pid: running.process.pid as number,
    output,
    ended: running.ended,
    isServing,
    serving: () => untilServing(running, isServing, output),
    kill: (signal) => void running.process.kill(signal),
    stop() {
      running.process.kill("SIGTERM");
      return running.ended;
    },
  };
}

/** Stops it; one that does not drain within ten seconds is killed: the test has failed anyway. */
export async function endOf(running: MeshProcess): Promise<Ended> {
  const force = setTimeout(() => running.kill("SIGKILL"), 10_000);
  try {
    return await running.stop();
  } finally {
    clearTimeout(force);
  }
}

async function untilServing(
  { process: child }: RunningCommand,
  isServing: () => Promise<boolean>,
  output: () => string,
) {
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  await eventually(async () => isOver() || (await isServing()), 60_000, output);
  if (isOver()) throw new Error(`the process ended instead of serving:\n${output()}`);
}

async function checkHealth(address: string, service: string): Promise<boolean> {
  const transport = openTransport({ address, defaultTimeoutMs: 2_000 });
  try {
    const { status } = await createClient(Health, transport).check({ service });
    return status === HealthCheckResponse_ServingStatus.SERVING;
  } catch {
    return false;
  } finally {
    transport.close();
  }
}
