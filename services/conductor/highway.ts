import type { SubscribeRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Hub, openHub, type SubscribeCall } from "#shared/highway/hub.ts";
import type { Tap } from "#shared/highway/tap.ts";
import type { Log } from "#shared/log/open-log.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";
import type { Encoded } from "#shared/rpc/encoded.ts";
import type { ConductorSettings } from "./config.ts";
import type { Committed } from "./store/group-commit.ts";
import type { Store } from "./store/open-store.ts";

const RETRY_MS = 250;

/**
 * The conductor's way to the highway.
 *
 * Purpose: the hub needs to know the log's epoch before it can begin, and PostgreSQL may come later than the conductor.
 * Owner: main. Until the log has answered once, subscribers are refused with ENGINE_UNAVAILABLE and there is nothing to
 * publish; after that this is the hub.
 */
export class Highway {
  readonly #settings: ConductorSettings;
  readonly #log: Log;
  #hub: Promise<Hub> | undefined;
  #open: Hub | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: ConductorSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
  }

  /** Opens the hub as soon as the log answers. */
  open(store: Store): void {
    const attempt = async (): Promise<void> => {
      const known = await store.ready().then(
        () => true,
        () => false,
      );
      if (this.#closed) return;
      if (known) this.#start(store);
      else this.#timer = setTimeout(() => void attempt(), RETRY_MS);
    };
    void attempt();
  }

  /** Takes what was just committed. What comes before the hub is open, its sweeper finds in the log. */
  readonly publish = (module: string, committed: readonly Committed[]): void => {
    this.#open?.publish(
      module,
      committed.map(({ event }) => event),
    );
  };

  readonly subscribe = async function* (
    this: Highway,
    request: SubscribeRequest,
    call: SubscribeCall,
  ): AsyncGenerator<Encoded> {
    const hub = await this.#hub;
    if (hub === undefined) throw postgresUnavailable();
    yield* hub.subscribe(request, call);
  }.bind(this);

  /** Removes what a forgetting took from the log; false: Redis could not be told, and is cleared before it serves again. */
  readonly forget = async (module: string, position: number): Promise<boolean> =>
    (await this.#open?.forget(module, position)) ?? false;

  /** A tap on the open hub. Throws ENGINE_UNAVAILABLE until there is one. */
  readonly openTap = (onMoved: (module: string) => void): Tap => {
    if (this.#open === undefined) throw postgresUnavailable();
    return this.#open.openTap(onMoved);
  };

  readonly modules = (): Iterable<string> => this.#open?.modules ?? [];

  readonly degraded = (): boolean => this.#open?.degraded ?? true;
  /** A module was registered here: streams of all modules take it in at once. Other processes see it at their next sweep. */
  readonly lookForModules = (): void => this.#open?.lookForModules();

  /** Ends all streams; they resume elsewhere. */
  drain(): void {
    this.#open?.drain();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await (await this.#hub)?.close();
  }

  #start(store: Store): void {
    const { redisUrl, highwayEntriesMax, highwayModuleBytesMax, highwayBytesMax, connectionAgeMaxMs } = this.#settings;
    this.#hub = openHub({
      port: store.log,
      redisUrl,
      log: this.#log,
      settings: {
        sweeper: {
          stream: { entriesMax: highwayEntriesMax, bytesMax: highwayModuleBytesMax },
          allBytesMax: highwayBytesMax,
        },
        streams: { ageMaxMs: connectionAgeMaxMs },
      },
      onForeignEpoch: () => this.#checkEpoch(store),
    });
    let movedOn = false;
    const stopHearing = store.onEpochChanged(() => {
      movedOn = true;
      this.#open?.epochChanged();
    });
    this.#hub.then(
      (hub) => {
        this.#open = hub;
        // Another epoch may have begun while the hub was opening.
        if (movedOn) hub.epochChanged();
      },
      (err: unknown) => {
        this.#log.error({ err }, "the highway could not be opened; trying again");
        stopHearing();
        this.#hub = undefined;
        if (!this.#closed) this.#timer = setTimeout(() => this.open(store), RETRY_MS);
      },
    );
  }

  /** Redis knows another epoch than we do: a look at the log tells whether it has moved on. */
  #checkEpoch(store: Store): void {
    store.checkEpoch().catch((err: unknown) => this.#log.warn({ err }, "the log's epoch could not be checked"));
  }
}
