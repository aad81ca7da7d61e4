import type { ManagedProcess } from "../processes/managed-process.ts";

/** An engine that runs under the launcher (or under a test) and is ready for callers. */
export interface Engine extends ManagedProcess {
  /** With the password, where there is one: never logged. */
  readonly url: string;
  /** The folder that makes it ours. */
  readonly dataDir: string;
}
