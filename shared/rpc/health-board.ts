import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type BoundService, bindService } from "./bind-service.ts";

export type ServingState = "SERVING" | "NOT_SERVING";

const WATCHERS_MAX = 1000;
/** When a watcher may ask again for whom there was no room. */
const FULL_RETRY_AFTER_MS = 5000;

/**
 * How the process and each of its services is, for `grpc.health.v1`. The empty name stands for the process.
 *
 * Owner: `openServer`; the service's `main` sets states by what it knows of its engines.
 *
 * 1. After `drain` everything is NOT_SERVING for good: nothing that comes back meanwhile draws new callers here.
 * 2. A watcher is told the present state at once and each change once; states that pass while it does not read are left
 *    out, the last is not.
 * 3. No more than `watchersMax` watch at once: anybody may, without a token, and each holds a stream. Whoever comes then is told
 *    OVERLOADED; `Check` answers on.
 */
export class HealthBoard {
  readonly #states = new Map<string, ServingState>();
  readonly #watchers = new Set<() => void>();
  readonly #watchersMax: number;
  #watching = 0;
  #isDraining = false;
  #isClosed = false;

  /** Starts with all of these, and the process, NOT_SERVING until somebody knows better. */
  constructor(names: readonly string[], watchersMax = WATCHERS_MAX) {
    this.#watchersMax = watchersMax;
    for (const name of ["", ...names]) {
      this.#states.set(name, "NOT_SERVING");
    }
  }

  set(name: string, state: ServingState): void {
    if (this.#states.get(name) !== state && !this.#isDraining) {
      this.#states.set(name, state);
      this.#tell();
    }
  }

  setAll(state: ServingState): void {
    for (const name of this.#states.keys()) {
      this.set(name, state);
    }
  }

  /** The state of a name; undefined: there is no such service here. */
  get(name: string): ServingState | undefined {
    return this.#states.get(name);
  }

  entries(): [string, ServingState][] {
    return [...this.#states];
  }

  drain(): void {
    this.setAll("NOT_SERVING");
    this.#isDraining = true;
  }

  /** Ends all watchers. */
  close(): void {
    this.#isClosed = true;
    this.#tell();
  }

  /** The state of a name, now and at each change, until the board is closed or the signal fires. Throws OVERLOADED. */
  async *watch(name: string, signal: AbortSignal): AsyncGenerator<ServingState | undefined> {
    if (this.#watching >= this.#watchersMax) {
      throw new CosError(ErrorReason.OVERLOADED, "too many watch the health of this process", {
        retryAfterMs: FULL_RETRY_AFTER_MS,
      });
    }
    this.#watching += 1;
    try {
      yield* this.#changes(name, signal);
    } finally {
      this.#watching -= 1;
    }
  }

  async *#changes(name: string, signal: AbortSignal): AsyncGenerator<ServingState | undefined> {
    let told: ServingState | undefined | "nothing" = "nothing";
    while (!this.#isClosed && !signal.aborted) {
      const state = this.#states.get(name);
      if (state === told) {
        await this.#change(signal);
      } else {
        told = state;
        yield state;
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #tell(): void {
    for (const wake of [...this.#watchers]) {
      wake();
    }
  }
}

/** `grpc.health.v1.Health` over a board. It goes on answering while the process drains. */
export function healthService(board: HealthBoard): BoundService {
  return bindService(
    Health,
    {
      check: async ({ service }) => {
        const state = board.get(service);
        if (state === undefined) {
          throw new ConnectError("there is no such service here", Code.NotFound);
        }
        return { status: Status[state] };
      },
      list: async () => ({
        statuses: Object.fromEntries(board.entries().map(([name, state]) => [name, { status: Status[state] }])),
      }),
      watch: async function* ({ service }, { signal }) {
        for await (const state of board.watch(service, signal)) {
          yield { status: state === undefined ? Status.SERVICE_UNKNOWN : Status[state] };
        }
      },
    },
    { whileDraining: true, openTo: "anybody" },
  );
}
