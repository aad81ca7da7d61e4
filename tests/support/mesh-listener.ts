import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { follow } from "#shared/highway/client/follow.ts";
import type { FollowState } from "#shared/highway/client/followed.ts";
import type { MeshClient } from "./mesh.ts";
import { eventually } from "./mesh-wait.ts";

/** A subscriber that follows for as long as it is open, through whatever happens to the server. */
export interface Listener {
  /** The positions heard of a module, in the order in which they were heard. */
  positions(module?: string): readonly number[];
  /** The ids heard, by position, of a module. */
  ids(module?: string): ReadonlyMap<number, string>;
  readonly states: readonly FollowState[];
  readonly degraded: boolean;
  /** Events heard so far, of all modules. */
  readonly count: number;
  /** Waits until a position was heard. */
  reaches(position: number, module?: string, limitMs?: number): Promise<void>;
  /** Ends it; rejects with what it failed of, if it did. */
  close(): Promise<void>;
}

interface Heard {
  readonly positions: number[];
  readonly ids: Map<number, string>;
}

/** Opens a subscriber with `shared/highway/client`, which proves each frame against the one before it. */
export function listen({ conductor }: MeshClient, request: MessageInitShape<typeof SubscribeRequestSchema>): Listener {
  const heard = new Map<string, Heard>();
  const states: FollowState[] = [];
  const ending = new AbortController();
  let degraded = false;
  let count = 0;
  let failure: unknown;
  const of = (module: string) => heard.getOrInsertComputed(module, () => ({ positions: [], ids: new Map() }));
  const run = async () => {
    const stream = follow({
      open: (place, options) => conductor.subscribe({ ...request, ...place }, options),
      signal: ending.signal,
      onState: (state) => {
        states.push(state);
        if (state.kind === "degraded") degraded = state.degraded;
      },
    });
    for await (const item of stream) {
      if (item.kind !== "event") continue;
      count += 1;
      of(item.module).positions.push(item.position);
      if (item.event.body.case === "memory") of(item.module).ids.set(item.position, item.event.body.value.id);
    }
  };
  const running = run().catch((error: unknown) => {
    failure = error;
  });
  const check = () => {
    if (failure !== undefined) throw failure;
  };
  return {
    positions: (module = "cc") => of(module).positions,
    ids: (module = "cc") => of(module).ids,
    states,
    get degraded() {
      return degraded;
    },
    get count() {
      return count;
    },
    async reaches(position, module = "cc", limitMs = 20_000) {
      const at = () => of(module).positions.at(-1) ?? 0;
      const story = () => `${module} stands at ${at()}, not ${position}: ${JSON.stringify(states.map(tell))}`;
      await eventually(() => failure !== undefined || at() >= position, limitMs, story);
      check();
    },
    async close() {
      ending.abort();
      await running;
      check();
    },
  };
}

function tell(state: FollowState): string {
  return state.kind === "lost" ? `lost: ${String(state.cause)}` : state.kind;
}

/** 1, 2, 3 ... n: what a subscriber from the beginning must have heard. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}
