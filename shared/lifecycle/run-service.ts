// How a process of the mesh lives and ends.
//
//  L1  It ends by exactly one of: a signal, the launcher's IPC channel closing, a failed start, an unexpected error.
//  L2  The first signal drains: `drain` of what was started, then the closers, the last opened first; exit 0.
//  L3  A second signal ends at once, with 128 + its number: whoever repeats a signal does not want to wait.
//  L4  A misconfiguration ends with 2, one line a fault on standard error. Whoever supervises must not start it again:
//      nothing would change. Any other failed start, and any error nobody caught, ends with 1.
import type { EventEmitter } from "node:events";
import { constants } from "node:os";
import { SettingsError } from "#shared/config/read-settings.ts";
import { describeError } from "#shared/log/describe-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import { Closers } from "./closers.ts";

export const EXIT_FAILED = 1;
export const EXIT_MISCONFIGURED = 2;

/** What a started service hands back. */
export interface Running {
  readonly log: Log;
  /** Stops taking work in and finishes what is there. */
  drain(): Promise<void>;
}

/** The part of `process` that a service's life depends on. */
export interface Host extends Pick<EventEmitter, "on"> {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: { write(text: string): unknown };
  exit(code: number): void;
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Starts a service and keeps it until it is told to stop. `start` registers a closer for each thing it opens. */
export async function runService(
  name: string,
  start: (env: Host["env"], closers: Closers) => Promise<Running>,
  host: Host = process,
): Promise<void> {
  let log: Log | undefined;
  const closers = new Closers((what, error) => log?.warn({ name: what, err: error }, "a close failed"));
  const asked = firstStop(host);
  const fail = (error: unknown): void => {
    log?.fatal({ err: error }, "an unexpected error ended the process");
    host.stderr.write(faultLines(name, error));
    host.exit(error instanceof SettingsError ? EXIT_MISCONFIGURED : EXIT_FAILED);
  };
  host.on("uncaughtException", fail);
  host.on("unhandledRejection", fail);
  try {
    const running = await Promise.race([start(host.env, closers), asked]);
    if (typeof running === "string") return await end(host, closers);
    log = running.log;
    const signal = await asked;
    log.info({ signal }, "stopping");
    await running.drain();
    await end(host, closers, log);
  } catch (error) {
    await closers.close();
    fail(error);
  }
}

async function end(host: Host, closers: Closers, log?: Log): Promise<void> {
  await closers.close();
  log?.info("stopped");
  host.exit(0);
}

/** The first reason to stop; the second signal of any kind does not return (L3). */
function firstStop(host: Host): Promise<string> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of STOP_SIGNALS) {
      host.on(signal, () => {
        signals += 1;
        if (signals > 1) host.exit(128 + constants.signals[signal]);
        resolve(signal);
      });
    }
    // The launcher holds an IPC channel to each service: when it is gone, however it went, so is the channel.
    host.on("disconnect", () => resolve("disconnect"));
  });
}

function faultLines(name: string, error: unknown): string {
  if (error instanceof SettingsError) return error.faults.map((fault) => `${name}: ${fault}\n`).join("");
  return `${name}: ${JSON.stringify(describeError(error))}\n`;
}
