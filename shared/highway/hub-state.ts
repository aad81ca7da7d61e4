import type { BreakerState } from "#shared/redis/open-breaker.ts";
import type { RingState } from "./rings.ts";

/** How the highway is, for mesh health. */
export interface HubState {
  readonly degraded: boolean;
  readonly breaker: BreakerState;
  readonly breakerOpened: number;
  readonly readerHealthy: boolean;
  readonly published: number;
  readonly leftToSweeper: number;
  readonly waitingBytes: number;
  readonly ringBytes: number;
  readonly streams: number;
  /** Of these, how many are reading the log for some module. */
  readonly streamsBehind: number;
  readonly modules: readonly {
    readonly module: string;
    /** The log's last position, as last seen. */
    readonly head: number;
    /** Redis' last position, as last seen; undefined: not seen. */
    readonly redisLast: number | undefined;
    readonly ring: RingState | undefined;
  }[];
}

/** How one module stands in Redis, as seen from one process. */
export interface ModuleView extends Pick<HubState, "degraded" | "breaker"> {
  /** Redis' last position, as last seen; undefined: not seen. */
  readonly redisLast: number | undefined;
}
