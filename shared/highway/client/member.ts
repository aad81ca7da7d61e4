// A member of a durable consumer as a subscriber's work: the mesh keeps the place, and the failures.
//
// Owner: one `Subscriber`.
//
//  C1  It joins for ever: after UNAVAILABLE, an end of the stream, a silence, a lease that has run out. What it held is lost then (its
//      handlers' signals fire), and comes again.
//  C2  A name of its own keeps it one member over all its streams, so that a new one replaces the old one at once.
//  C3  A handler that fails gives its event back with the error's message: by the consumer's backoff, after the delay that a `RetryEvent`
//      asks, as a dead letter for a `ParkEvent`, or untried for a `ReleaseEvent`.
//
// Failure mode: what the mesh refuses for good is thrown as `StreamRefused`: the consumer is gone, or may not be read any more; and
// MEMBER_REPLACED where the name was given by the caller, since another process goes by it then: two that join again and again would take
// each other's work.
import { setTimeout as delay } from "node:timers/promises";
import { type Client, ConnectError } from "@connectrpc/connect";
import { Settle_Outcome as Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import type { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { Desk } from "./desk.ts";
import { type Loss, Losses, type ReconnectOptions } from "./losses.ts";
import { type ConsumedTask, Membership } from "./membership.ts";
import { ParkEvent } from "./park-event.ts";
import { ReleaseEvent } from "./release-event.ts";
import { RetryEvent } from "./retry-event.ts";
import { StreamRefused } from "./stream-error.ts";
import type { Source, Stopping, WorkedEvent } from "./work.ts";

/** What a handler is given of a consumer: events of one key, in their order. */
export interface ConsumedWork {
  readonly module: string;
  readonly events: readonly WorkedEvent[];
}

/** What becomes of a member, for people and gauges. */
export type MemberState =
  | { readonly kind: "joined"; readonly member: string; readonly generation: bigint; readonly resumed: boolean }
  | { readonly kind: "lost"; readonly cause: unknown; readonly retryInMs: number; readonly attempt: number }
  /** Settlements that came too late: others have that work, or had it. */
  | { readonly kind: "refused"; readonly module: string; readonly positions: readonly number[] };

export interface MemberOptions extends ReconnectOptions {
  readonly client: Pick<Client<typeof HighwayService>, "consume" | "getConsumer">;
  readonly consumer: string;
  /** The member's name. Unset: one that nobody else has. */
  readonly name?: string;
  /** Whether the name may be another's too: then losing the membership to that one ends it. Unset: if a name is given. */
  readonly isNameShared?: boolean;
  readonly onState?: (state: MemberState) => void;
  /** An event failed, and was given back. */
  readonly onFailed?: (event: WorkedEvent, error: unknown) => void;
  /** How long a new stream may take to its first frame, in milliseconds. Unset: three default heartbeats. */
  readonly firstFrameMaxMs?: number;
  /** Milliseconds. Unset: the machine's time, which goes on while it sleeps. */
  readonly now?: () => number;
}

/** Joins a consumer for a `Subscriber`. */
export function member(options: MemberOptions): Source<ConsumedTask, ConsumedWork> {
  return new Member(options);
}

class Member implements Source<ConsumedTask, ConsumedWork> {
  readonly #options: MemberOptions;
  readonly #name: string;
  #membership: Membership | undefined;
  #everJoined = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#name = options.name ?? crypto.randomUUID();
  }

  async run(desk: Desk<ConsumedTask>, stopping: Stopping): Promise<void> {
    const { stop } = stopping;
    const losses = new Losses(this.#options);
    while (!stop.aborted) {
      const { loss, isIn } = await this.#join(desk, stopping);
      this.#membership = undefined;
      if (stop.aborted) return;
      desk.lose(new Error("the membership was lost"));
      if (this.#isReplaced(loss.cause)) throw new StreamRefused(loss.cause as ConnectError);
      const retryInMs = losses.count(loss, isIn, this.#everJoined);
      this.#options.onState?.({ kind: "lost", cause: loss.cause, retryInMs, attempt: losses.attempt });
      await delay(retryInMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  workOf(tasks: readonly ConsumedTask[]): ConsumedWork {
    return { module: (tasks[0] as ConsumedTask).module, events: tasks.map(workedEvent) };
  }

  /** What a process that was frozen finds on its desk, once it is awake again, is others' by now. */
  mayBegin([first]: readonly ConsumedTask[]): boolean {
    return first === undefined || !first.membership.hasLapsed();
  }

  done(tasks: readonly ConsumedTask[]): void {
    for (const { module, position, membership } of tasks) {
      membership.settle({ module, position, outcome: Outcome.ACK });
    }
  }

  failed(task: ConsumedTask, error: unknown): undefined {
    const { module, position, membership } = task;
    const outcome = outcomeOf(error);
    const reason = error instanceof Error ? error.message : String(error);
    const delayMs = error instanceof RetryEvent ? { delayMs: error.delayMs } : {};
    membership.giveBack(task, { module, position, outcome, error: reason, ...delayMs });
    this.#options.onFailed?.(workedEvent(task), error);
  }

  freed(): void {
    this.#membership?.flushSoon();
  }

  /** One stream, to its end. */
  async #join(desk: Desk<ConsumedTask>, stopping: Stopping): Promise<{ loss: Loss; isIn: boolean }> {
    const { client, consumer, firstFrameMaxMs, onState, now = Date.now } = this.#options;
    const { stop } = stopping;
    try {
      // Asked each time: a consumer of the name may have been made anew with another key.
      const { status } = await client.getConsumer({ name: consumer }, { signal: stop });
      stop.throwIfAborted();
      const membership = new Membership({
        open: (messages, call) => client.consume(messages, call),
        consumer,
        name: this.#name,
        key: status?.consumer?.key ?? 0,
        desk,
        firstFrameMaxMs,
        onJoined: (name, generation) => {
          onState?.({ kind: "joined", member: name, generation, resumed: this.#everJoined });
          this.#everJoined = true;
        },
        onRefused: (module, positions) => onState?.({ kind: "refused", module, positions }),
        now,
      });
      this.#membership = membership;
      const loss = await membership.run(stopping);
      return { loss, isIn: membership.isIn };
    } catch (cause) {
      return { loss: { cause, stayAwayMs: undefined }, isIn: false };
    }
  }

  #isReplaced(cause: unknown): boolean {
    const { name, isNameShared = name !== undefined } = this.#options;
    if (!isNameShared || !(cause instanceof ConnectError)) return false;
    return cause.findDetails(ErrorInfoSchema)[0]?.reason === "MEMBER_REPLACED";
  }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof ParkEvent) return Outcome.PARK;
  return error instanceof ReleaseEvent ? Outcome.RELEASE : Outcome.RETRY;
}

function workedEvent({ module, position, event, attempt }: ConsumedTask): WorkedEvent {
  // A delivery without an event that this build knows is never put.
  return { module, position, event: event as NonNullable<typeof event>, attempt };
}
