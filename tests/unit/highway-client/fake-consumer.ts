// A durable consumer in memory, as `consuming.proto` says it behaves, to whom a test may do harm.
import { setImmediate as turn } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Consumer_Key, ConsumerSchema, ConsumerStatusSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import {
  type ConsumeRequest,
  type ConsumeResponse,
  ConsumeResponseSchema,
  Settle_Outcome as Outcome,
  type Settle,
} from "#gen/cos/highway/v1/consuming_pb.ts";
import { type Event, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { GetConsumerResponseSchema } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { keyOf } from "#shared/highway/client/key-of.ts";
import type { MemberOptions } from "#shared/highway/client/member.ts";
import { Outbox } from "#shared/highway/client/outbox.ts";

type FrameInit = NonNullable<MessageInitShape<typeof ConsumeResponseSchema>["frame"]>;

/** How long an event rests after it failed: longer than messages take. */
const REST_TURNS = 12;

/** A refusal as the mesh words it. */
export function refusal(code: Code, reason: string, message = "refused"): ConnectError {
  return new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value: { reason, domain: "cos" } }]);
}

interface Item {
  readonly event: Event;
  readonly memory: Memory;
  readonly position: number;
  readonly key: string | undefined;
  state: "waiting" | "resting" | "held" | "settled" | "dead";
  holder: number;
  attempts: number;
  error: string;
}

/** A stream as the mesh sees it. */
export interface Seat {
  readonly generation: number;
  readonly member: string;
  credit: number;
  creditMax: number;
  isLeaving: boolean;
  isOver: boolean;
  readonly said: ConsumeRequest["message"][];
  readonly frames: Outbox<ConsumeResponse>;
  error: unknown;
}

export interface FakeConsumerOptions {
  readonly key: Consumer_Key;
  readonly maxAttempts?: number;
  readonly leaseMs?: number;
  /** How many turns of the event loop a message takes on its way. Unset: none. */
  readonly latency?: () => number;
}

export class FakeConsumer {
  readonly items: Item[] = [];
  readonly seats: Seat[] = [];
  /** Per `generation module/position`: how often it was delivered, and settled (released not counted). */
  readonly delivered = new Map<string, number>();
  readonly settled = new Map<string, number>();
  readonly settles: Settle[] = [];
  refused = 0;
  /** Set: whoever joins is refused so. */
  refusesJoin: (() => unknown) | undefined;
  /** Does not end its half of a stream whose other half has ended. */
  holdsOpen = false;
  /** Refuses nothing, as if it had never heard of it. */
  isSilent = false;
  readonly #options: FakeConsumerOptions;
  #generations = 0;

  constructor(options: FakeConsumerOptions) {
    this.#options = options;
  }

  add(...memories: MessageInitShape<typeof MemorySchema>[]): void {
    for (const init of memories) {
      const memory = create(MemorySchema, { text: "t", ...init });
      const event = create(EventSchema, { body: { case: "memory", value: memory } });
      const key = keyOf(memory, this.#options.key);
      const position = Number(memory.position);
      this.items.push({ event, memory, position, key, state: "waiting", holder: 0, attempts: 0, error: "" });
    }
    this.deliver();
  }

  /** The calls of `HighwayService` that a member makes. */
  client(): MemberOptions["client"] {
    const status = create(ConsumerStatusSchema, {
      consumer: create(ConsumerSchema, { name: "c", key: this.#options.key }),
    });
    return {
      getConsumer: async () => {
        const refused = this.refusesJoin?.();
        if (refused !== undefined) throw refused;
        return create(GetConsumerResponseSchema, { status });
      },
      consume: (messages: AsyncIterable<ConsumeRequest>, options: { signal?: AbortSignal } = {}) =>
        this.consume(messages, options.signal ?? new AbortController().signal),
    } as MemberOptions["client"];
  }

  async *consume(messages: AsyncIterable<ConsumeRequest>, signal: AbortSignal): AsyncGenerator<ConsumeResponse> {
    const seat: Seat = {
      generation: ++this.#generations,
      member: "",
      credit: 0,
      creditMax: 0,
      isLeaving: false,
      isOver: false,
      said: [],
      frames: new Outbox(),
      error: undefined,
    };
    signal.addEventListener("abort", () => this.cut(seat, new ConnectError("canceled", Code.Canceled)), { once: true });
    this.#frame(seat, { case: "started", value: { heartbeat: durationFromMs(10_000) } });
    void this.#hear(seat, messages);
    for await (const frame of seat.frames) {
      await this.#travel();
      yield frame;
    }
    if (seat.error !== undefined) throw seat.error;
  }

  /** Ends a stream from this side; what it held is free for others. */
  cut(seat: Seat, error?: unknown): void {
    if (seat.isOver) return;
    seat.error = error;
    seat.isOver = true;
    seat.frames.end();
    for (const item of this.items) {
      if (item.state === "held" && item.holder === seat.generation) item.state = "waiting";
    }
    this.deliver();
  }

  say(seat: Seat, frame: FrameInit): void {
    this.#frame(seat, frame);
  }

  /** Hands out what may be handed out (law 2). */
  deliver(): void {
    for (const seat of this.seats) {
      if (seat.isOver || seat.isLeaving) continue;
      const deliveries: { event: Event; attempt: number }[] = [];
      for (const item of this.items) {
        if (seat.credit === 0) break;
        if (item.state !== "waiting" || !this.#isNext(item, seat)) continue;
        seat.credit -= 1;
        item.state = "held";
        item.holder = seat.generation;
        bump(this.delivered, nameOf(seat.generation, item.memory.module, item.position));
        deliveries.push({ event: item.event, attempt: item.attempts + 1 });
      }
      if (deliveries.length > 0) {
        this.#frame(seat, { case: "deliveries", value: { deliveries, generation: BigInt(seat.generation) } });
      }
    }
  }

  get isDone(): boolean {
    return this.items.every(({ state }) => state === "settled" || state === "dead");
  }

  stateOf(module: string, position: number): Item["state"] | undefined {
    return this.items.find((item) => item.memory.module === module && item.position === position)?.state;
  }

  #isNext({ key, position, memory }: Item, seat: Seat): boolean {
    if (key === undefined) return true;
    return this.items.every(
      (other) =>
        other.key !== key ||
        other.memory.module !== memory.module ||
        other.position >= position ||
        other.state === "settled" ||
        other.state === "dead" ||
        (other.state === "held" && other.holder === seat.generation),
    );
  }

  async #hear(seat: Seat, messages: AsyncIterable<ConsumeRequest>): Promise<void> {
    for await (const { message } of messages) {
      await this.#travel();
      if (seat.isOver) return;
      seat.said.push(message);
      if (message.case === "join") this.#join(seat, message.value.member);
      if (message.case === "credit") seat.credit += message.value.events;
      seat.creditMax = Math.max(seat.creditMax, seat.credit);
      if (message.case === "leave") seat.isLeaving = true;
      if (message.case === "settle") this.#settle(seat, message.value);
      this.deliver();
    }
    if (!this.holdsOpen) this.cut(seat);
  }

  #join(seat: Seat, member: string): void {
    Object.assign(seat, { member });
    for (const other of this.seats) {
      if (other.member === member) this.cut(other, refusal(Code.Aborted, "MEMBER_REPLACED"));
    }
    this.seats.push(seat);
    const { leaseMs = 30_000 } = this.#options;
    const value = { member, generation: BigInt(seat.generation), lease: durationFromMs(leaseMs) };
    this.#frame(seat, { case: "joined", value });
  }

  #settle(seat: Seat, settle: Settle): void {
    this.settles.push(settle);
    const late: bigint[] = [];
    for (const position of settle.positions) {
      const { module } = settle;
      if (settle.outcome !== Outcome.RELEASE) bump(this.settled, nameOf(seat.generation, module, Number(position)));
      const item = this.items.find((each) => each.memory.module === module && each.memory.position === position);
      if (item?.state !== "held" || item.holder !== seat.generation) late.push(position);
      else this.#settleOne(item, settle);
    }
    if (late.length === 0 || this.isSilent) return;
    this.refused += late.length;
    this.#frame(seat, { case: "refused", value: { module: settle.module, positions: late } });
  }

  #settleOne(item: Item, { outcome, error }: Settle): void {
    item.error = error;
    if (outcome === Outcome.PARK) item.state = "dead";
    else if (outcome === Outcome.ACK) item.state = "settled";
    else {
      if (outcome === Outcome.RETRY) item.attempts += 1;
      item.state = "waiting";
      if (outcome === Outcome.RETRY) void this.#rest(item);
      for (const other of this.items) {
        const follows = other.key === item.key && other.position > item.position;
        if (item.key !== undefined && follows && other.state === "held" && other.holder === item.holder) {
          other.state = "waiting";
        }
      }
    }
  }

  async #rest(item: Item): Promise<void> {
    item.state = item.attempts >= (this.#options.maxAttempts ?? 5) ? "dead" : "resting";
    if (item.state === "dead") return;
    for (let turns = 0; turns < REST_TURNS; turns += 1) await turn();
    item.state = "waiting";
    this.deliver();
  }

  #frame(seat: Seat, frame: FrameInit): void {
    if (!seat.isOver) seat.frames.push(create(ConsumeResponseSchema, { frame }));
  }

  async #travel(): Promise<void> {
    for (let turns = this.#options.latency?.() ?? 0; turns > 0; turns -= 1) await turn();
  }
}

function nameOf(generation: number, module: string, position: number): string {
  return `${generation} ${module}/${position}`;
}

function bump(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
