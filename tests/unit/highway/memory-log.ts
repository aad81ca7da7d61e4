import { create, toBinary } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Event, EventSchema, type Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { compileFilter } from "#shared/highway/filter.ts";
import type {
  EpochHistory,
  EpochRecord,
  LogPort,
  ModuleHead,
  ReadLimits,
  ReadResult,
} from "#shared/highway/log-port.ts";
import { someTokenKey } from "./some-token-key.ts";

type MemoryInit = Partial<Omit<Memory, "$typeName" | "$unknown">>;

/** A log in memory, for tests: as simple as its contract, with a switch to make it fail. */
export class MemoryLog implements LogPort {
  /** Set: every call that would reach the engine rejects with it. */
  fault: Error | undefined;
  /** Set: called within every call that reaches the engine, before it answers. */
  meanwhile: ((call: "heads" | "read" | "positionAt") => Promise<void> | void) | undefined;
  /** So many of the latest positions are not seen by `read`, as on a replica that lags. */
  lag = 0;
  reads = 0;
  headQueries = 0;
  readonly #modules = new Map<string, Event[]>();
  #epochs: EpochRecord[];

  constructor(modules: readonly string[] = ["cc"], identity = `e${Math.random().toString(36).slice(2, 10)}`) {
    this.#epochs = [{ generation: 1, identity, forks: new Map(), tokenKey: someTokenKey() }];
    for (const module of modules) {
      this.register(module);
    }
  }

  register(module: string): void {
    this.#modules.set(module, this.#modules.get(module) ?? []);
  }

  /** As if it had never been registered: numbers after it are given again, as by a restore to a time before. */
  unregister(module: string): void {
    this.#modules.delete(module);
  }

  head(module: string): number {
    return this.#modules.get(module)?.length ?? 0;
  }

  /** Records memories, as a commit does: the answer holds the events, of dense positions. */
  record(module: string, memories: readonly MemoryInit[]): Event[] {
    const log = this.#modules.get(module) as Event[];
    const events = memories.map((memory, index) => {
      const position = BigInt(log.length + index + 1);
      const recordedAt = memory.recordedAt ?? timestampFromMs(Number(position) * 1_000);
      const value = create(MemorySchema, {
        id: `${module}-${position}`,
        eventType: "note",
        source: "test",
        ...memory,
        module,
        position,
        recordedAt,
      });
      return create(EventSchema, { body: { case: "memory", value } });
    });
    log.push(...events);
    return events;
  }

  /** Forgets what these positions say, and records the event that tells of it, as one commit; answers with the event. */
  forget(module: string, positions: readonly number[]): Event[] {
    const log = this.#modules.get(module) as Event[];
    for (const at of positions) {
      const { id = "", eventType = "", position = 0n } = log[at - 1]?.body.value ?? {};
      const value = create(MemorySchema, { id, module, position, eventType, forgottenAt: timestampFromMs(1) });
      log[at - 1] = create(EventSchema, { body: { case: "memory", value } });
    }
    return this.record(module, [{ eventType: "cos.memory.forgotten", payload: { positions: positions.map(String) } }]);
  }

  /** The log is restored to these heads (others stay), and begins a new epoch. */
  restore(heads: Readonly<Record<string, number>>): void {
    for (const [module, position] of Object.entries(heads)) {
      this.#modules.get(module)?.splice(position);
    }
    const forks = new Map([...this.#modules].map(([module, log]) => [module, log.length]));
    const generation = this.epochs().current.generation + 1;
    const identity = `${this.#epochs[0]?.identity}g${generation}`;
    this.#epochs = [...this.#epochs, { generation, identity, forks, tokenKey: someTokenKey() }];
  }

  epochs(): EpochHistory {
    return { current: this.#epochs.at(-1) as EpochRecord, past: this.#epochs };
  }

  async heads(): Promise<ModuleHead[]> {
    this.headQueries += 1;
    await this.#engine("heads");
    return [...this.#modules].map(([module, log], index) => ({
      module,
      number: index + 1,
      position: log.length,
      forgetting: log.findLastIndex(({ body }) => body.value?.eventType === "cos.memory.forgotten") + 1,
    }));
  }

  async read(
    _scope: Scope,
    module: string,
    after: number,
    { eventsMax, bytesMax }: ReadLimits,
    filter?: Filter,
  ): Promise<ReadResult> {
    this.reads += 1;
    await this.#engine("read");
    const wanted = compileFilter(filter);
    const log = (this.#modules.get(module) as Event[]).slice(0, this.lag === 0 ? undefined : -this.lag);
    const events: Event[] = [];
    let bytes = 0;
    for (const event of log.slice(after)) {
      if (wanted !== undefined && !wanted(event.body.value as Memory)) {
        continue;
      }
      bytes += toBinary(EventSchema, event).length;
      if (events.length >= eventsMax || (events.length > 0 && bytes > bytesMax)) {
        return { events, through: Number(events.at(-1)?.body.value?.position) };
      }
      events.push(event);
    }
    return { events, through: Math.max(after, log.length) };
  }

  async positionAt(module: string, at: Timestamp): Promise<number> {
    await this.#engine("positionAt");
    const log = this.#modules.get(module) as Event[];
    return log.filter((event) => timestampMs(event.body.value?.recordedAt as Timestamp) < timestampMs(at)).length;
  }

  async #engine(call: "heads" | "read" | "positionAt"): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.meanwhile?.(call);
    if (this.fault !== undefined) {
      throw this.fault;
    }
  }
}
