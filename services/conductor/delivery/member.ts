/**
 * One member of a consumer, as its stream sees it: what it may be given, what is on its way to it, and what it says of that.
 *
 * Owner: the handler that iterates `frames` and closes it. The consumer's work gives it events, the desk renews its lease.
 *
 *  M1. It is given no more than it asked for, and nothing while 4 MiB wait to be sent to it, or 128 MiB to all members: slow ones cost
 *      bounded memory.
 *  M2. Settlements are passed on in their order, one at a time; acknowledgements that come meanwhile travel together. While many wait, or
 *      much is to be sent, no more is read of the caller. What is said of another membership is refused.
 *  M3. It ends once. `frames` then sends GoAway where that helps, and throws what the caller is to be told; one that says nothing more
 *      ends without an error, when all that it said was passed on.
 *  M4. A heartbeat comes whenever nothing else did for so long.
 *  M5. Of a good age it is told to join anew, and given nothing more; what it holds it may settle until it has said all, or a lease is over.
 */
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { JoinedSchema, RefusedSchema, type Settle, Settle_Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import { CheckpointSchema, GoAwaySchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import type { Ending } from "#shared/highway/ending.ts";
import type { Settlement } from "../domain/deliveries.ts";
import { wholeMs } from "../domain/whole-ms.ts";
import { type EncodedFrame, encodeConsumeFrame, encodeDeliveries, type GivenEvent } from "./encode-frames.ts";

const OUTBOX_BYTES_MAX = 4 * 1024 * 1024;
const CREDIT_MAX = 10_000;
/** Settlements, and positions of them, that wait before no more is read (M2). */
const SETTLEMENTS_MAX = 64;
const POSITIONS_MAX = 20_000;
const ACKED_TOGETHER_MAX = 10_000;

const OUTCOMES: Readonly<Record<Settle_Outcome, Settlement["outcome"]>> = {
  [Settle_Outcome.UNSPECIFIED]: "ack",
  [Settle_Outcome.ACK]: "ack",
  [Settle_Outcome.RETRY]: "retry",
  [Settle_Outcome.PARK]: "park",
  [Settle_Outcome.RELEASE]: "release",
};

export interface MemberOptions {
  readonly consumer: string;
  readonly name: string;
  readonly generation: string;
  readonly leaseMs: number;
  readonly access: Access;
  /** How many unsettled events it may hold; undefined: it says itself how many more it takes. */
  readonly limit: number | undefined;
  readonly heartbeatMs: number;
  readonly degraded: () => boolean;
  readonly outboxes: OutboxBudget;
  /** How old its stream may become; Infinity: as old as it likes. */
  readonly ageMaxMs: number;
  /** Passes a settlement on; answers the positions that were refused. */
  readonly settle: (settlement: Settlement) => Promise<bigint[]>;
  /** It may be able to take more. */
  readonly onHungry: () => void;
}

/** What waits to be sent to all members of the process. */
export interface OutboxBudget {
  bytes: number;
  readonly bytesMax: number;
}

/** How it ended: with an error, of which the caller may be told in a frame before; or because it has said all it had to say. */
export type MemberEnd = Ending | { readonly error: Error } | "said all";

export class Member {
  readonly joinedAtMs = performance.now();
  readonly #options: MemberOptions;
  #credit = 0;
  #held = 0;
  #leaving = false;
  /** It is given nothing more, though it has not ended (M5). */
  #isHalted = false;
  #heardAtMs = performance.now();
  #renewedAtMs = performance.now();
  readonly #outbox: EncodedFrame[] = [];
  #outboxBytes = 0;
  #settlements: Settlement[] = [];
  #positions = 0;
  /** Settlements that wait, or travel, of what was not done. */
  #givingBack = 0;
  #settling: Promise<void> | undefined;
  #end: MemberEnd | undefined;
  #awake = Promise.withResolvers<void>();
  /** Resolves when less waits to be sent. */
  #eased = Promise.withResolvers<void>();
  /** The work's: the change after which it last got less than it could take. */
  triedAt = -1;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get generation(): string {
    return this.#options.generation;
  }

  get consumer(): string {
    return this.#options.consumer;
  }

  /** Whether it may not become older (M5). */
  isTooOld(nowMs: number): boolean {
    return !this.#isHalted && this.#end === undefined && nowMs - this.joinedAtMs >= this.#options.ageMaxMs;
  }

  get access(): Access {
    return this.#options.access;
  }

  /** How many events it can be given now (M1). */
  get want(): number {
    const { limit, outboxes } = this.#options;
    if (this.#leaving || this.#isHalted || this.#end !== undefined || this.#isCongested) return 0;
    // What follows of the key of one that is on its way back may not overtake it.
    if (this.#givingBack > 0) return 0;
    if (this.#outboxBytes > 0 && outboxes.bytes >= outboxes.bytesMax) return 0;
    return limit === undefined ? this.#credit : Math.max(0, limit - this.#held);
  }

  /** Whether it holds as much as it may, as far as is known here: acknowledgements may have come in elsewhere. */
  get isFull(): boolean {
    return this.#options.limit !== undefined && this.#held >= this.#options.limit;
  }

  /** Whether it went without a word. One that we have ended, or told to go, has not, nor has one that said it leaves. */
  get lost(): boolean {
    return !this.#leaving && !this.#isHalted && (this.#end === undefined || this.#end === "said all");
  }

  /** Whether its lease should be renewed: it has spoken since, and a quarter of the lease is over. */
  needsRenewal(nowMs: number): boolean {
    return (
      this.#end === undefined &&
      this.#heardAtMs > this.#renewedAtMs &&
      nowMs - this.#renewedAtMs >= this.#options.leaseMs / 4
    );
  }

  renewed(nowMs: number): void {
    this.#renewedAtMs = nowMs;
  }

  /** A sign of life. */
  heard(): void {
    this.#heardAtMs = performance.now();
  }

  /** It takes so many more. */
  credit(events: number): void {
    this.heard();
    this.#credit = Math.min(CREDIT_MAX, this.#credit + events);
    if (events > 0) this.#options.onHungry();
  }

  /** It takes nothing more, and finishes what it holds. */
  leave(): void {
    this.heard();
    this.#leaving = true;
  }

  /** So many of what it held are settled, or taken from it. */
  freed(count: number): void {
    this.#held = Math.max(0, this.#held - count);
  }

  /** What it holds, as the database counts it. */
  counted(held: number): void {
    this.#held = held;
  }

  /** Gives it events that it asked for. */
  give(given: readonly GivenEvent[]): void {
    this.#credit -= given.length;
    this.#held += given.length;
    for (const frame of encodeDeliveries(given, Number(this.generation))) this.#send(frame);
  }

  /** What became of some; resolves when there is room for more (M2). */
  async settle(settle: Settle): Promise<void> {
    this.heard();
    const settlement = settlementOf(settle, this);
    if (settlement.generation === this.generation) {
      this.#settlements.push(settlement);
      this.#positions += settlement.positions.length;
      if (settlement.outcome !== "ack") this.#givingBack += 1;
      this.#settling ??= this.#passOn();
    } else {
      this.#refuse(settlement.module, [...settlement.positions]);
    }
    while (this.#settling !== undefined && this.#isBusy) await this.#settling;
    while (this.#isCongested && this.#end === undefined) await this.#eased.promise;
  }

  /** It says nothing more: once all is passed on, it is over. */
  async finish(): Promise<void> {
    await this.#settling;
    this.end("said all");
  }

  /** Ends it (M3); the first ending holds. */
  end(how: MemberEnd): void {
    this.#end ??= how;
    this.#ease();
    this.#awake.resolve();
  }

  /** It is given nothing more: whoever calls this ends it. */
  halt(): void {
    this.#isHalted = true;
  }

  /** M5. */
  retire(ending: Ending): void {
    this.halt();
    this.#send(goAwayFrame(ending));
    setTimeout(() => this.end({ error: ending.error }), this.#options.leaseMs).unref();
  }

  /** Every frame after Started, in order, until it ends. */
  async *frames(signal: AbortSignal): AsyncGenerator<EncodedFrame, void, undefined> {
    const { name, generation, leaseMs, heartbeatMs } = this.#options;
    const wake = (): void => this.#awake.resolve();
    signal.addEventListener("abort", wake, { once: true });
    const beat = setInterval(() => this.#beat(), heartbeatMs);
    try {
      const joined = { member: name, generation: BigInt(generation), lease: durationFromMs(leaseMs) };
      yield encodeConsumeFrame({ case: "joined", value: create(JoinedSchema, joined) });
      while (!signal.aborted) {
        const frame = this.#outbox.shift();
        if (frame !== undefined) {
          this.#sent(frame);
          yield frame;
        } else if (this.#end !== undefined) {
          return yield* endOf(this.#end);
        } else {
          await this.#awake.promise;
          this.#awake = Promise.withResolvers();
        }
      }
    } finally {
      clearInterval(beat);
      signal.removeEventListener("abort", wake);
      this.#charge(-this.#outboxBytes);
    }
  }

  get #isCongested(): boolean {
    return this.#outboxBytes >= OUTBOX_BYTES_MAX;
  }

  get #isBusy(): boolean {
    return this.#settlements.length >= SETTLEMENTS_MAX || this.#positions >= POSITIONS_MAX;
  }

  #send(frame: EncodedFrame): void {
    this.#outbox.push(frame);
    this.#charge(frame.encoded.length);
    this.#awake.resolve();
  }

  #sent({ encoded }: EncodedFrame): void {
    const wasCongested = this.#isCongested;
    this.#charge(-encoded.length);
    if (!wasCongested || this.#isCongested) return;
    this.#ease();
    this.#options.onHungry();
  }

  #charge(bytes: number): void {
    this.#outboxBytes += bytes;
    this.#options.outboxes.bytes += bytes;
  }

  #ease(): void {
    this.#eased.resolve();
    this.#eased = Promise.withResolvers();
  }

  #beat(): void {
    if (this.#outbox.length > 0) return;
    const value = create(CheckpointSchema, { at: timestampFromMs(Date.now()), degraded: this.#options.degraded() });
    this.#send(encodeConsumeFrame({ case: "checkpoint", value }));
  }

  async #passOn(): Promise<void> {
    try {
      while (this.#settlements.length > 0) {
        const [next, rest] = takeTogether(this.#settlements);
        this.#settlements = rest;
        this.#positions = rest.reduce((sum, { positions }) => sum + positions.length, 0);
        const refused = await this.#options.settle(next);
        this.freed(next.positions.length - refused.length);
        if (refused.length > 0) this.#refuse(next.module, refused);
        if (next.outcome !== "ack") this.#gaveBack();
      }
    } catch (error) {
      // What was said is lost; its events come again, once the membership has ended.
      this.#settlements = [];
      this.#positions = 0;
      this.end({ error: error as Error });
    } finally {
      this.#settling = undefined;
    }
  }

  #gaveBack(): void {
    this.#givingBack -= 1;
    if (this.#givingBack === 0) this.#options.onHungry();
  }

  #refuse(module: string, positions: bigint[]): void {
    // Who settles by calls is answered there.
    if (this.#options.limit === undefined)
      this.#send(encodeConsumeFrame({ case: "refused", value: create(RefusedSchema, { module, positions }) }));
  }
}

/** A settlement as the database takes it. */
export function settlementOf(
  { module, positions, generation, outcome, delay, error }: Settle,
  member: { readonly consumer: string; readonly generation: string },
): Settlement {
  return {
    consumer: member.consumer,
    generation: generation === 0n ? member.generation : String(generation),
    module,
    positions: [...new Set(positions)],
    // One that is not known here never gets past validation.
    outcome: OUTCOMES[outcome] ?? "release",
    delayMs: wholeMs(delay),
    error,
  };
}

/** The first settlement, together with the acknowledgements that follow it and are about the same. */
function takeTogether([first, ...rest]: readonly Settlement[]): [Settlement, Settlement[]] {
  const together = first!;
  if (together.outcome !== "ack") return [together, rest];
  const positions = [...together.positions];
  let n = 0;
  for (; n < rest.length; n += 1) {
    const next = rest[n]!;
    const fits = positions.length + next.positions.length <= ACKED_TOGETHER_MAX;
    if (next.outcome !== "ack" || next.module !== together.module || next.generation !== together.generation || !fits)
      break;
    positions.push(...next.positions);
  }
  return [{ ...together, positions }, rest.slice(n)];
}

function* endOf(end: MemberEnd): Generator<EncodedFrame, void> {
  if (end === "said all") return;
  if ("reason" in end) yield goAwayFrame(end);
  throw end.error;
}

function goAwayFrame({ reason, retryAfterMs }: Ending): EncodedFrame {
  const retryAfter = retryAfterMs === undefined ? {} : { retryAfter: durationFromMs(retryAfterMs) };
  return encodeConsumeFrame({ case: "goAway", value: create(GoAwaySchema, { reason, ...retryAfter }) });
}
