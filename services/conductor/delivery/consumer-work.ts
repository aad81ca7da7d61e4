/**
 * The work of one consumer in this process: which of its members here is given what.
 *
 * Purpose: as soon as there is an event and a member that takes more, the two are brought together; with one statement for many events.
 * Owner: the desk, which makes it with the consumer's first member here and drops it with the last.
 *
 *  W1. One step at a time. A step claims what waits, or reads on in one module and takes what it read; the database decides who gets it
 *      (store/migrations/consumers.sql), so other processes may do the same at any time.
 *  W2. It stops when no member takes more, nothing is new, or as much is held as may be; whatever may change that calls `kick`.
 *  W3. What was given in the database and cannot be handed on, or may have been given without our knowing, ends the membership: its end
 *      frees everything it holds.
 *  W4. Of what is new each hungry member gets its part, so that one that came first does not take all. A module whose events share one key
 *      goes to the member that had it last, as long as that takes more.
 *
 * Failure: the database does not answer: the step's member ends with ENGINE_UNAVAILABLE; the next kick tries the others.
 */
import { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { eventFacts, type SharedEvent, shareEvent } from "#shared/highway/shared-event.ts";
import type { Tap } from "#shared/highway/tap.ts";
import type { AcceptedConsumer } from "../domain/accept-consumer.ts";
import type { Deliveries, LoadedConsumer, Taken } from "../domain/deliveries.ts";
import { keyOfEvent } from "../domain/key-of-event.ts";
import type { Member } from "./member.ts";

/** How many events one step hands out. */
const STEP_EVENTS_MAX = 500;

export interface WorkOptions {
  readonly name: string;
  readonly store: Pick<Deliveries, "take" | "claim" | "eventsAt">;
  readonly tap: Pick<Tap, "read" | "headOf">;
  /** All modules that are known, for a consumer of all. */
  readonly modules: () => Iterable<string>;
  /** A membership of this member is none any more. */
  readonly onLost: (member: Member) => void;
  /** It has another version by now: whoever reloads it kicks it. */
  readonly onChanged: (work: ConsumerWork) => void;
  /** Runs a statement when it is its turn: all consumers of the process together may not take every connection. */
  readonly inTurn: <T>(statement: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

export class ConsumerWork {
  readonly name: string;
  readonly members = new Set<Member>();
  readonly #options: WorkOptions;
  #settings: AcceptedConsumer;
  #version: string;
  #places: Map<string, number>;
  /** As the last take said, and as members have settled here since. */
  #held = 0;
  #unsettled = 0;
  /** Something may wait that somebody else left. */
  #mayWait = true;
  /** Counts what may let a member have more of what waits. */
  #change = 0;
  /** The module that was read last: the next one has its turn. */
  #lastModule = "";
  readonly #lastMember = new Map<string, Member>();
  /** Modules of which more was heard than can be read yet; until the next kick. */
  readonly #lagging = new Set<string>();
  #working = false;
  #again = false;

  constructor(options: WorkOptions, { settings, version, places }: LoadedConsumer) {
    this.name = options.name;
    this.#options = options;
    this.#settings = settings;
    this.#version = version;
    this.#places = new Map(places);
  }

  get settings(): AcceptedConsumer {
    return this.#settings;
  }

  get version(): string {
    return this.#version;
  }

  /** It waits for what nobody tells it of: that others settle some of what is held, or that the log shows what was heard of. */
  get isStuck(): boolean {
    return this.#held >= this.#settings.maxInFlight || this.#lagging.size > 0;
  }

  /** It was changed or moved. */
  reload({ settings, version, places }: LoadedConsumer): void {
    this.#settings = settings;
    this.#version = version;
    this.#places = new Map(places);
    this.look();
  }

  /** What is known of others' work is old: something may wait, and more may be held than is held. */
  look(): void {
    this.#held = 0;
    this.#unsettled = 0;
    this.#mayWait = true;
    this.#change += 1;
    this.kick();
  }

  /** Members here have settled so many, or given them back. */
  settled(count: number): void {
    this.#held = Math.max(0, this.#held - count);
    this.#unsettled = Math.max(0, this.#unsettled - count);
    this.#change += 1;
    this.kick();
  }

  /** Whether the module is one of its. */
  reads(module: string): boolean {
    return this.#settings.allModules || this.#settings.modules.includes(module);
  }

  /** Something may be there to be done (W2). */
  kick(): void {
    this.#again = true;
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      while (this.#again && !this.#options.signal.aborted) {
        this.#again = false;
        this.#lagging.clear();
        while (await this.#step());
      }
    } catch (error) {
      // A fault of ours: whoever joins again begins anew.
      for (const member of this.members) member.end({ error: error as Error });
    } finally {
      this.#working = false;
    }
  }

  /** Whether there may be more to do. */
  async #step(): Promise<boolean> {
    const room = this.#settings.maxInFlight - this.#held;
    const hungry = [...this.members].filter(({ want }) => want > 0);
    if (this.#settings.paused || room <= 0 || hungry.length === 0 || this.#options.signal.aborted) return false;
    if (this.#mayWait || this.#unsettled > this.#held) {
      const member = hungry.find(({ triedAt }) => triedAt !== this.#change);
      if (member !== undefined) return this.#attempt(member, () => this.#claim(member, room));
      this.#mayWait = false;
    }
    const module = this.#nextModule();
    if (module === undefined) return false;
    const member = this.#hungriest(module, hungry);
    const share = Math.ceil((this.#options.tap.headOf(module) - this.#placeOf(module)) / hungry.length);
    const eventsMax = Math.max(1, Math.min(member.want, room, STEP_EVENTS_MAX, share));
    return this.#attempt(member, () => this.#take(member, module, eventsMax));
  }

  /** W3. */
  async #attempt(member: Member, step: () => Promise<boolean>): Promise<boolean> {
    try {
      return await step();
    } catch (error) {
      member.end({ error: error as Error });
      return true;
    }
  }

  async #claim(member: Member, room: number): Promise<boolean> {
    const { store, inTurn } = this.#options;
    const want = Math.min(member.want, room, STEP_EVENTS_MAX);
    const change = this.#change;
    const claimed = await inTurn(() => store.claim(this.name, member.generation, want));
    if (claimed.length < want) member.triedAt = change;
    if (claimed.length === 0) return true;
    const events = await inTurn(() => store.eventsAt(claimed));
    // Rows of the log are never deleted, so each place has its event.
    this.#held += claimed.length;
    this.#unsettled = Math.max(this.#unsettled, this.#held);
    member.give(claimed.map(({ attempt }, n) => ({ event: shareEvent(events[n]!), attempt })));
    return true;
  }

  async #take(member: Member, module: string, eventsMax: number): Promise<boolean> {
    const { store, tap, inTurn, signal } = this.#options;
    const after = this.#placeOf(module);
    const { filter } = this.#settings;
    const { events, through } = await tap.read({ module, after, eventsMax, filter }, signal);
    this.#lastModule = module;
    if (through <= after) {
      this.#lagging.add(module);
      return true;
    }
    const taken = await inTurn(() =>
      store.take({
        consumer: this.name,
        generation: member.generation,
        version: this.#version,
        module,
        after,
        through,
        positions: events.map(({ position }) => position),
        keys: events.map((event) => keyOfEvent(this.#settings.key, eventFacts(event))),
      }),
    );
    return this.#taken(member, module, events, taken);
  }

  #taken(member: Member, module: string, events: readonly SharedEvent[], taken: Taken): boolean {
    if (taken.outcome === "lost") {
      member.halt();
      this.#options.onLost(member);
      return true;
    }
    if (taken.outcome === "changed") {
      this.#options.onChanged(this);
      return false;
    }
    this.#held = taken.held;
    this.#unsettled = taken.unsettled;
    this.#places.set(module, taken.readThrough);
    if (taken.outcome !== "taken") return taken.outcome === "moved";
    if (taken.given.length === 0) return true;
    this.#lastMember.set(module, member);
    const given = new Set(taken.given);
    member.give(events.filter(({ position }) => given.has(position)).map((event) => ({ event, attempt: 1 })));
    return true;
  }

  #placeOf(module: string): number {
    return this.#places.get(module) ?? 0;
  }

  /** The next module, in turn, that has something new. */
  #nextModule(): string | undefined {
    const { allModules, modules } = this.#settings;
    const moved = [...(allModules ? this.#options.modules() : modules)].filter(
      (module) => this.#options.tap.headOf(module) > this.#placeOf(module) && !this.#lagging.has(module),
    );
    moved.sort();
    return moved.find((module) => module > this.#lastModule) ?? moved[0];
  }

  /** W4. */
  #hungriest(module: string, hungry: readonly Member[]): Member {
    const last = this.#settings.key === Consumer_Key.MODULE ? this.#lastMember.get(module) : undefined;
    if (last !== undefined && hungry.includes(last)) return last;
    return hungry.reduce((most, member) => (member.want > most.want ? member : most));
  }
}
