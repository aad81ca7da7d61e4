import type { Breaker, BreakerState } from "#shared/redis/open-breaker.ts";
import type { ModuleHead } from "./log-port.ts";
import type { Publisher } from "./publisher.ts";
import type { RingState, Rings } from "./rings.ts";
import type { Subscription } from "./subscription.ts";
import type { Sweeper } from "./sweeper.ts";

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

/** What a hub is made of, as far as its state is concerned. */
export interface HubParts {
  readonly degraded: boolean;
  readonly breaker: Pick<Breaker, "state" | "openedCount">;
  readonly readerHealthy: boolean;
  readonly publisher: Pick<Publisher, "counts" | "bytes">;
  readonly sweeper: Pick<Sweeper, "lastOf">;
  readonly rings: Pick<Rings, "bytes" | "stateOf">;
  readonly subscriptions: readonly Pick<Subscription, "behind">[];
  readonly heads: Iterable<ModuleHead>;
}

export function hubState({ publisher, rings, sweeper, subscriptions, ...parts }: HubParts): HubState {
  return {
    degraded: parts.degraded,
    breaker: parts.breaker.state,
    breakerOpened: parts.breaker.openedCount,
    readerHealthy: parts.readerHealthy,
    published: publisher.counts.published,
    leftToSweeper: publisher.counts.left,
    waitingBytes: publisher.bytes,
    ringBytes: rings.bytes,
    streams: subscriptions.length,
    streamsBehind: subscriptions.filter(({ behind }) => behind > 0).length,
    modules: [...parts.heads].map(({ module, position }) => ({
      module,
      head: position,
      redisLast: sweeper.lastOf(module),
      ring: rings.stateOf(module),
    })),
  };
}
