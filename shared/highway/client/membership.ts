// One stream of a member: from its joining to whatever ends it.
//
// Owner: the member, which joins again.
//
//  M1  What became of a delivery is said at most once, and on the stream it came by. What follows a failed one of its key is not begun
//      but released, also what was still on its way then (given-back.ts).
//  M2  What is settled in one turn of the event loop goes in one message for each module and outcome, before the credit for what
//      comes next.
//  M3  Credit is given for as much as keeps the handlers at work; what is open counts.
//  M4  Something is said three times a lease. A silence of three heartbeats of the mesh is a lost connection.
//  M5  Who leaves says so, releases what was not begun, settles what is at work, and ends its half; the mesh then ends the other.
//
// Failure mode: it resolves with what the stream was lost of; its owner tells the handlers at work that it is lost.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import {
  type ConsumeRequest,
  ConsumeRequestSchema,
  type ConsumeResponse,
  type Deliveries,
  Settle_Outcome as Outcome,
  type Refused,
} from "#gen/cos/highway/v1/consuming_pb.ts";
import type { Desk } from "./desk.ts";
import { eventBytes } from "./event-bytes.ts";
import { GivenBack } from "./given-back.ts";
import { keyOf } from "./key-of.ts";
import type { Loss } from "./losses.ts";
import { nextWithin } from "./next-within.ts";
import { Outbox } from "./outbox.ts";
import { type Settlement, settlesOf } from "./settles-of.ts";
import { retryAfterMs } from "./stream-error.ts";
import { FIRST_FRAME_MAX_MS, silenceMaxMs } from "./take-frame.ts";
import type { Stopping, Task } from "./work.ts";

/** An event that a member holds. */
export interface ConsumedTask extends Task {
  readonly attempt: number;
  /** The stream that it came by. */
  readonly membership: Membership;
}

export interface MembershipOptions {
  readonly open: (
    messages: AsyncIterable<ConsumeRequest>,
    options: { signal: AbortSignal },
  ) => AsyncIterable<ConsumeResponse>;
  readonly consumer: string;
  readonly name: string;
  readonly key: Consumer_Key;
  readonly desk: Desk<ConsumedTask>;
  readonly firstFrameMaxMs: number | undefined;
  readonly onJoined: (member: string, generation: bigint) => void;
  readonly onRefused: (module: string, positions: readonly number[]) => void;
  /** Milliseconds of a clock that never goes back, and goes on while the machine sleeps. */
  readonly now: () => number;
}

/** How long the mesh may take to end a stream whose other half has ended, in milliseconds. */
const LAST_FRAME_MAX_MS = 3_000;

/** How many released places are remembered. */
const RELEASED_MAX = 10_000;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #outbox = new Outbox<ConsumeRequest>();
  readonly #end = new AbortController();
  readonly #givenBack = new GivenBack();
  /** What is held, as `module/position`. */
  readonly #held = new Set<string>();
  #settlements: Settlement[] = [];
  /** Said after the settlements: before the failure of an earlier one of its key, a release would mean something else. */
  #releases: Settlement[] = [];
  /** What was released, as `module/position`, and may be refused as a matter of course. */
  readonly #released = new Set<string>();
  /** Credit that was given and not used. */
  #open = 0;
  #flush: NodeJS.Immediate | undefined;
  #sign: NodeJS.Timeout | undefined;
  #generation: bigint | undefined;
  #leaseMs = Number.POSITIVE_INFINITY;
  /** When it said something last. */
  #saidAt: number;
  #silenceMaxMs: number;
  #goAwayMs: number | undefined;
  #leaving: Promise<void> | undefined;
  /** Nothing is said of what comes to an end afterwards: nobody would hear it. */
  #isOver = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#silenceMaxMs = options.firstFrameMaxMs ?? FIRST_FRAME_MAX_MS;
    this.#saidAt = options.now();
  }

  /** Whether it was let in. */
  get isIn(): boolean {
    return this.#generation !== undefined;
  }

  /** Whether it said nothing for as long as its lease: then it is over, whatever the mesh has noticed. */
  hasLapsed(): boolean {
    const lapsed = this.#options.now() - this.#saidAt >= this.#leaseMs;
    if (lapsed) this.#end.abort();
    return lapsed;
  }

  /** Works until the stream ends. */
  async run({ stop, cut }: Stopping): Promise<Loss> {
    const { open, consumer, name: member } = this.#options;
    const leave = (): void => this.#leave(cut);
    const end = (): void => this.#end.abort();
    stop.addEventListener("abort", leave, { once: true });
    cut.addEventListener("abort", end, { once: true });
    this.#say({ case: "join", value: { consumer, member } });
    try {
      const frames = open(this.#outbox, { signal: this.#end.signal })[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await nextWithin(frames, this.#silenceMaxMs);
        if (done === true) return { cause: undefined, stayAwayMs: this.#goAwayMs };
        this.#take(value.frame, cut);
      }
    } catch (cause) {
      if (this.hasLapsed()) return { cause: undefined, stayAwayMs: 0 };
      return { cause, stayAwayMs: this.#goAwayMs ?? (retryAfterMs(cause) || undefined) };
    } finally {
      stop.removeEventListener("abort", leave);
      cut.removeEventListener("abort", end);
      clearInterval(this.#sign);
      clearImmediate(this.#flush);
      this.#isOver = true;
      this.#outbox.end();
      this.#end.abort();
    }
  }

  /** What became of something that is held. */
  settle(settlement: Settlement): void {
    this.#held.delete(nameOf(settlement));
    this.#settlements.push(settlement);
    this.flushSoon();
  }

  /** An event failed, or is parked. What follows of the key of a failed one comes again (M1). */
  giveBack(task: ConsumedTask, settlement: Settlement): void {
    this.settle(settlement);
    if (task.key === undefined || settlement.outcome === Outcome.PARK) return;
    this.#givenBack.note(task.key, task.position, this.#options.now());
    for (const each of [task, ...this.#options.desk.withdraw(task.key)]) this.#release(each);
  }

  /** There is something to say, or there may be. */
  flushSoon(): void {
    if (this.#isOver) return;
    this.#flush ??= setImmediate(() => this.#sayAll());
  }

  #take(frame: ConsumeResponse["frame"], cut: AbortSignal): void {
    switch (frame.case) {
      case "started":
        this.#silenceMaxMs = silenceMaxMs(frame.value.heartbeat);
        break;
      case "joined":
        this.#join(frame.value.generation, frame.value.lease);
        this.#options.onJoined(frame.value.member, frame.value.generation);
        break;
      case "deliveries":
        this.#receive(frame.value);
        break;
      case "refused":
        this.#refuse(frame.value);
        break;
      case "goAway":
        this.#goAwayMs = frame.value.retryAfter === undefined ? 0 : durationMs(frame.value.retryAfter);
        this.#leave(cut);
        break;
      default:
      // A heartbeat, or a frame that this build does not know: the silence is broken, no more.
    }
  }

  #join(generation: bigint, lease: Duration | undefined): void {
    this.#generation = generation;
    this.#leaseMs = lease === undefined ? Number.POSITIVE_INFINITY : durationMs(lease);
    if (lease !== undefined) {
      this.#sign = setInterval(() => this.#say({ case: "credit", value: { events: 0 } }), this.#leaseMs / 3);
    }
    this.flushSoon();
  }

  #receive({ deliveries }: Deliveries): void {
    const { key: by, desk } = this.#options;
    for (const { event, attempt } of deliveries) {
      this.#open -= 1;
      // Of a kind that this build does not know, so it has no place here either: its lease is the one thing that frees it.
      if (event?.body.case !== "memory") continue;
      const { module } = event.body.value;
      const position = Number(event.body.value.position);
      const key = keyOf(event.body.value, by);
      const place = { module, position };
      // One that is in hand already is settled by what becomes of that: the mesh has given up on an earlier delivery of it.
      if (this.#held.has(nameOf(place))) continue;
      this.#released.delete(nameOf(place));
      if (this.#leaving !== undefined || this.#givenBack.isStale(key, position, this.#options.now())) {
        this.#release(place);
        continue;
      }
      this.#held.add(nameOf(place));
      desk.put({ ...place, event, attempt, key, bytes: eventBytes(event), membership: this });
    }
    this.flushSoon();
  }

  #refuse({ module, positions }: Refused): void {
    const late: number[] = [];
    for (const position of positions.map(Number)) {
      this.#givenBack.refused(module, position);
      if (!this.#released.delete(nameOf({ module, position }))) late.push(position);
    }
    if (late.length > 0) this.#options.onRefused(module, late);
  }

  #release({ module, position }: Pick<ConsumedTask, "module" | "position">): void {
    const place = { module, position };
    this.#held.delete(nameOf(place));
    // Those that were taken stay here until they come again; not for ever.
    if (this.#released.size >= RELEASED_MAX) this.#released.clear();
    this.#released.add(nameOf(place));
    this.#releases.push({ ...place, outcome: Outcome.RELEASE });
    this.flushSoon();
  }

  /** M5. */
  #leave(cut: AbortSignal): void {
    this.#leaving ??= this.#leaveInPeace(cut);
  }

  async #leaveInPeace(cut: AbortSignal): Promise<void> {
    const { desk } = this.#options;
    if (!this.isIn) return this.#end.abort();
    this.#say({ case: "leave", value: {} });
    for (const task of desk.withdraw()) this.#release(task);
    await desk.idle(AbortSignal.any([cut, this.#end.signal]));
    this.#sayAll();
    this.#outbox.end();
    const lastFrameMaxMs = Math.min(LAST_FRAME_MAX_MS, this.#options.firstFrameMaxMs ?? LAST_FRAME_MAX_MS);
    setTimeout(() => this.#end.abort(), lastFrameMaxMs).unref();
  }

  /** M2. */
  #sayAll(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    if (this.#isOver || this.#generation === undefined) return;
    for (const each of [this.#settlements, this.#releases]) {
      for (const value of settlesOf(each, this.#generation)) this.#say({ case: "settle", value });
    }
    this.#settlements = [];
    this.#releases = [];
    if (this.#leaving !== undefined) return;
    const events = this.#options.desk.wanted() - this.#open;
    if (events <= 0) return;
    this.#open += events;
    this.#say({ case: "credit", value: { events } });
  }

  #say(message: NonNullable<MessageInitShape<typeof ConsumeRequestSchema>["message"]>): void {
    // What a process that was frozen says first, once it is awake again, comes too late.
    if (this.hasLapsed()) return;
    this.#saidAt = this.#options.now();
    this.#outbox.push(create(ConsumeRequestSchema, { message }));
  }
}

function nameOf({ module, position }: { readonly module: string; readonly position: number }): string {
  return `${module}/${position}`;
}
