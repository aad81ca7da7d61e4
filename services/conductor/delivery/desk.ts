/**
 * Where members of consumers join in this process, and where they are looked after.
 *
 * Owner: the process' main, which opens and closes it. It owns one timer.
 *
 *  D1. A lease is renewed for whoever has spoken since, all of the process in one statement, before half of it is over.
 *  D2. Leases and acknowledgement deadlines that run out are noticed by every process that has a member of the consumer, within a second, and
 *      by whoever joins it. One query looks after all consumers; without members here there is none.
 *  D3. A member whose rights no longer cover what the consumer reads ends at once.
 *  D4. A member that goes without a word has been lost; one that has said that it leaves, or is ended by us, has not.
 *  D5. At most 3 statements of consumers run at once here: others need connections too.
 *
 * Failure: the database does not answer: leases are not renewed, and, by its own clock, may run out; the members hear of it when it is back.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Join, Settle } from "#gen/cos/highway/v1/consuming_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { accessEnded, accessTaken, draining, type Ending, epochChanged, tooOld } from "#shared/highway/ending.ts";
import type { Tap } from "#shared/highway/tap.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { AcceptedConsumer } from "../domain/accept-consumer.ts";
import type { Attention, Deliveries, LoadedConsumer } from "../domain/deliveries.ts";
import { ConsumerWork } from "./consumer-work.ts";
import { Member, type OutboxBudget, settlementOf } from "./member.ts";
import { memberReplaced, membershipLost } from "./member-lost.ts";
import { Turns } from "./turns.ts";

const STATEMENTS_MAX = 3;
const OUTBOXES_BYTES_MAX = 128 * 1024 * 1024;

/** What a desk needs of the highway. */
export interface DeskHighway {
  /** Throws ENGINE_UNAVAILABLE while the highway is not open yet. */
  openTap(onMoved: (module: string) => void): Tap;
  modules(): Iterable<string>;
  degraded(): boolean;
}

export interface DeskOptions {
  readonly store: Deliveries;
  readonly highway: DeskHighway;
  /** Says as a caller is told that there is no such consumer, for this caller. */
  readonly notFound: (consumer: string) => Error;
  readonly log: Log;
  /** How often consumers are looked after. Default 500. */
  readonly tickMs?: number;
  /** How old a member's stream may become; 0, and unset: as old as it likes. */
  readonly ageMaxMs?: number | undefined;
  /** The longest silence of the mesh. Default 10,000. */
  readonly heartbeatMs?: number;
}

export interface JoinCall {
  readonly access: Access;
  readonly scope: Scope;
  readonly signal: AbortSignal;
}

export class Desk {
  readonly #options: DeskOptions;
  readonly #works = new Map<string, ConsumerWork>();
  readonly #turns = new Turns(STATEMENTS_MAX);
  readonly #stop = new AbortController();
  readonly #outboxes: OutboxBudget = { bytes: 0, bytesMax: OUTBOXES_BYTES_MAX };
  #tap: Tap | undefined;
  /** By module: the consumers here that read it. */
  readonly #readers = new Map<string, Set<ConsumerWork>>();
  readonly #unfollow = new Map<Member, () => void>();
  #looking: Promise<void> | undefined;
  #drained: Ending | undefined;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /**
   * Makes a member. Rejects with CONSUMER_NOT_FOUND where there is none for this caller, ENGINE_UNAVAILABLE, DRAINING. Whoever joins calls `leave`.
   */
  async join({ consumer, member: given }: Join, call: JoinCall, limit?: number): Promise<Member> {
    if (this.#drained !== undefined) throw this.#drained.error;
    const { store, notFound, highway, heartbeatMs = 10_000 } = this.#options;
    this.#tap ??= highway.openTap((module) => this.#moved(module));
    const loaded = await this.#load(consumer, call.scope);
    const name = given === "" ? randomUUID() : given;
    const membership = await this.#turns.take(() => store.join(consumer, name, call.access.principal.name));
    if (membership === undefined) throw notFound(consumer);
    const work = this.#workOf(consumer, loaded, this.#tap);
    const member = new Member({
      consumer,
      name,
      ...membership,
      access: call.access,
      limit,
      heartbeatMs,
      degraded: () => highway.degraded(),
      outboxes: this.#outboxes,
      ageMaxMs: this.#ageMaxMs(),
      settle: (settlement) => this.#settle(settlement),
      onHungry: () => work.kick(),
    });
    for (const other of work.members) if (other.name === name) other.end({ error: memberReplaced(consumer) });
    work.members.add(member);
    this.#unfollow.set(member, followRights(member, loaded.settings));
    if (this.#drained !== undefined) member.end(this.#drained);
    this.#looking ??= this.#lookAfter();
    work.look();
    return member;
  }

  /** Ends a membership (D4). */
  async leave(member: Member): Promise<void> {
    const work = this.#works.get(member.consumer);
    work?.members.delete(member);
    this.#unfollow.get(member)?.();
    this.#unfollow.delete(member);
    if (work !== undefined && work.members.size === 0) this.#drop(work);
    const { consumer, generation, lost } = member;
    await this.#turns
      .take(() => this.#options.store.leave(consumer, generation, lost))
      .catch((err: unknown) => {
        // Its lease runs out instead.
        this.#options.log.debug({ err }, "a member could not be signed off");
      });
    work?.look();
  }

  /**
   * Settles for a member of the caller's that may be served elsewhere; answers what was refused, by module. A sign of life. Rejects with
   * MEMBERSHIP_LOST.
   */
  async ack(
    { consumer, generation }: { readonly consumer: string; readonly generation: string },
    settlements: readonly Settle[],
    { access, scope }: Pick<JoinCall, "access" | "scope">,
  ): Promise<{ module: string; positions: bigint[] }[]> {
    await this.#load(consumer, scope);
    const alive = await this.#options.store.renew([{ consumer, generation }], access.principal.name);
    if (!alive.has(generation)) throw membershipLost(consumer);
    const member = this.#memberOf(consumer, generation);
    const refusals: { module: string; positions: bigint[] }[] = [];
    for (const settle of settlements) {
      const settlement = settlementOf(settle, { consumer, generation });
      const isOwn = settlement.generation === generation;
      const refused = isOwn ? await this.#settle(settlement) : [...settlement.positions];
      member?.freed(settlement.positions.length - refused.length);
      if (refused.length > 0) refusals.push({ module: settlement.module, positions: refused });
    }
    this.#works.get(consumer)?.kick();
    return refusals;
  }

  /** A consumer was changed, moved or deleted in this process; others notice by themselves. Never rejects: that is done. */
  async changed(consumer: string): Promise<void> {
    const work = this.#works.get(consumer);
    if (work !== undefined) await this.#try(() => this.#reload(work));
  }

  /** The log has begun a new epoch, in which memberships may be none (H3): all join again. */
  epochChanged(): void {
    this.#endAll(epochChanged());
  }

  /** Ends all members with GoAway and takes no new ones; the first step of a drain. */
  drain(): void {
    this.#drained = draining();
    this.#endAll(this.#drained);
  }

  async close(): Promise<void> {
    this.drain();
    this.#stop.abort();
    await this.#looking;
    this.#tap?.close();
  }

  async #load(consumer: string, scope: Scope): Promise<LoadedConsumer> {
    const loaded = await this.#options.store.load(consumer);
    if (loaded === undefined || !covers(scope, loaded.settings)) throw this.#options.notFound(consumer);
    return loaded;
  }

  /** The consumer's work here, begun if this is its first member. */
  #workOf(name: string, loaded: LoadedConsumer, tap: Tap): ConsumerWork {
    const known = this.#works.get(name);
    // It may be another consumer of the name by now.
    if (known !== undefined && known.version !== loaded.version) known.reload(loaded);
    if (known !== undefined) return known;
    const { store, highway } = this.#options;
    const inTurn: Turns["take"] = (statement) => this.#turns.take(statement);
    const modules = (): Iterable<string> => highway.modules();
    const { signal } = this.#stop;
    const onChanged = (changed: ConsumerWork): void => void this.#try(() => this.#reload(changed));
    const onLost = (member: Member): void => void this.#try(() => this.#lose(member));
    const work = new ConsumerWork({ name, store, tap, modules, inTurn, onChanged, onLost, signal }, loaded);
    this.#works.set(name, work);
    for (const module of loaded.settings.allModules ? modules() : loaded.settings.modules) this.#watch(work, module);
    return work;
  }

  #watch(work: ConsumerWork, module: string): void {
    const readers = this.#readers.get(module);
    readers?.add(work);
    if (readers !== undefined) return;
    this.#readers.set(module, new Set([work]));
    this.#tap?.watch(module);
  }

  #drop(work: ConsumerWork): void {
    this.#works.delete(work.name);
    for (const [module, readers] of this.#readers) {
      if (!readers.delete(work) || readers.size > 0) continue;
      this.#readers.delete(module);
      this.#tap?.unwatch(module);
    }
  }

  #moved(module: string): void {
    for (const work of this.#works.values()) {
      if (!work.reads(module)) continue;
      // It may be a module that was just registered.
      if (work.settings.allModules) this.#watch(work, module);
      work.kick();
    }
  }

  async #settle(settlement: Parameters<Deliveries["settle"]>[0]): Promise<bigint[]> {
    const refused = await this.#turns.take(() => this.#options.store.settle(settlement));
    this.#works.get(settlement.consumer)?.settled(settlement.positions.length - refused.length);
    return refused;
  }

  #memberOf(consumer: string, generation: string): Member | undefined {
    return [...(this.#works.get(consumer)?.members ?? [])].find((member) => member.generation === generation);
  }

  async #lookAfter(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await delay(this.#options.tickMs ?? 500, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted || this.#works.size === 0) continue;
      await this.#try(() => this.#renew());
      await this.#try(() => this.#attend());
      await this.#try(() => this.#count());
      this.#retireOld();
    }
  }

  /** What fails is tried again with the next look. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      this.#options.log.debug({ err }, "a consumer could not be looked after; trying again");
    }
  }

  /** D1. */
  async #renew(): Promise<void> {
    const nowMs = performance.now();
    const due = this.#members().filter((member) => member.needsRenewal(nowMs));
    if (due.length === 0) return;
    const alive = await this.#options.store.renew(due);
    for (const member of due) {
      if (alive.has(member.generation)) member.renewed(nowMs);
      else await this.#try(() => this.#lose(member));
    }
  }

  /** D2. */
  async #attend(): Promise<void> {
    const known = [...this.#works.values()].map(({ name, version }) => ({ consumer: name, version }));
    for (const attention of await this.#options.store.attention(known)) {
      const work = this.#works.get(attention.consumer);
      if (work !== undefined) await this.#try(() => this.#attendTo(work, attention));
    }
  }

  async #attendTo(work: ConsumerWork, { changed, late, waits }: Attention): Promise<void> {
    if (changed) await this.#reload(work);
    const ended = late ? new Set(await this.#options.store.expire(work.name)) : new Set<string>();
    for (const member of work.members)
      if (ended.has(member.generation)) member.end({ error: membershipLost(work.name) });
    if (late || waits) work.look();
  }

  /** What others have settled is not heard of here: whatever seems to be full, or stuck, is looked at again. */
  async #count(): Promise<void> {
    const full = this.#members().filter(({ isFull }) => isFull);
    const held = full.length === 0 ? new Map<string, number>() : await this.#options.store.heldBy(full);
    for (const member of full) member.counted(held.get(member.generation) ?? 0);
    const touched = new Set(full.map(({ consumer }) => consumer));
    for (const work of this.#works.values()) {
      if (work.isStuck) work.look();
      else if (touched.has(work.name)) work.kick();
    }
  }

  #retireOld(): void {
    const nowMs = performance.now();
    for (const member of this.#members()) if (member.isTooOld(nowMs)) member.retire(tooOld());
  }

  /** A fifth more or less, by chance: those that joined together do not all join anew together. */
  #ageMaxMs(): number {
    const { ageMaxMs = 0 } = this.#options;
    return ageMaxMs === 0 ? Number.POSITIVE_INFINITY : ageMaxMs * (0.8 + 0.2 * Math.random());
  }

  async #lose(member: Member): Promise<void> {
    // Without an answer: what is true in any case.
    const why = await this.#options.store.whyLost(member.consumer, member.name).catch(() => "lost" as const);
    const errors = { gone: this.#options.notFound, replaced: memberReplaced, lost: membershipLost };
    member.end({ error: errors[why](member.consumer) });
  }

  async #reload(work: ConsumerWork): Promise<void> {
    const loaded = await this.#options.store.load(work.name);
    if (loaded !== undefined) return work.reload(loaded);
    for (const member of work.members) member.end({ error: this.#options.notFound(work.name) });
  }

  #members(): Member[] {
    return [...this.#works.values()].flatMap(({ members }) => [...members]);
  }

  #endAll(ending: Ending): void {
    for (const member of this.#members()) member.end(ending);
  }
}

/** Whether a caller may read all that the consumer reads. */
function covers({ modules }: Scope, consumer: Pick<AcceptedConsumer, "modules" | "allModules">): boolean {
  if (modules === "all") return true;
  return !consumer.allModules && consumer.modules.every((module) => modules.has(module));
}

/** D3. Until the function that it answers with is called. */
function followRights(member: Member, consumer: Pick<AcceptedConsumer, "modules" | "allModules">): () => void {
  const { access } = member;
  const changed = (): void => {
    if (!covers(access.scope, consumer)) member.end(accessTaken());
  };
  const unwatch = access.watch({ ended: (error) => member.end(accessEnded(error)), changed });
  changed();
  return unwatch;
}
