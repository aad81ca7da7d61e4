import type { LogFollower } from "./logs/follow-logs.ts";
import type { Ended } from "./processes/managed-process.ts";
import type { ProcessRegister } from "./processes/process-register.ts";
import type { Environment, LauncherSettings } from "./settings.ts";

/** Where things lie, all below COS_DATA_DIR. */
export interface Paths {
  /** The repository. */
  readonly root: string;
  readonly data: string;
  readonly logs: string;
  /** What one launcher leaves for the next. */
  readonly run: string;
}

/** What every part of one start shares. */
export interface Mesh {
  readonly env: Environment;
  readonly settings: LauncherSettings;
  readonly paths: Paths;
  readonly register: ProcessRegister;
  readonly follower: LogFollower;
  readonly mayInstall: boolean;
  /** Whether the graph is to be kept in a Neo4j of our own. */
  readonly wantsNeo4j: boolean;
  /** Aborted when everything is about to end; nothing is started after it. */
  readonly stopping: AbortSignal;
  readonly say: (line: string) => void;
  /** Hands over a process that is kept running; one that is over for good ends the mesh. */
  keep(over: Promise<Ended | undefined>): void;
}
