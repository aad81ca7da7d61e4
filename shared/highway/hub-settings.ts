import type { PublisherLimits } from "./publisher.ts";
import type { RingsLimits } from "./rings.ts";
import type { ReaderLimits } from "./shard-reader.ts";
import type { StreamLimits } from "./stream-limits.ts";
import type { SweeperLimits } from "./sweeper.ts";

/** Every bound of the highway; each part's defaults stand beside it. */
export interface HubSettings {
  readonly publisher?: Partial<PublisherLimits>;
  readonly sweeper?: Partial<SweeperLimits>;
  readonly reader?: Partial<ReaderLimits>;
  readonly rings?: Partial<RingsLimits>;
  readonly streams?: Partial<StreamLimits>;
  readonly breaker?: { readonly failuresMax?: number; readonly probeAfterMs?: number; readonly successesMin?: number };
  /** How long the start waits for Redis. Default 1,000. */
  readonly connectWaitMs?: number;
  /** How often heartbeats are looked after; the precision of every duration of a stream. Default 200. */
  readonly beatMs?: number;
}
