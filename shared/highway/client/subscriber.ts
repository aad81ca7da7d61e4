// A handler for the events of the highway: of a stream that is followed, or of a durable consumer.
//
// Owner: the process that has the effect; `run` ends with the source, `close` ends it early.
//
//  S1  An event is handled at least once. Events of one key (a followed stream's: of one module) are handled in their order, one
//      handler at a time; at most `concurrency` handlers run at once, and no more than so much is held (desk.ts, D1 to D6).
//  S2  What becomes of it is the source's: a followed stream has nobody else, so a failure is tried again here, later and later, and the
//      handler keeps the place with its effect (followed-stream.ts); a consumer's place and failures are kept by the mesh (member.ts).
//  S3  `close` takes nothing more, and gives the handlers at work `graceMs`; then their signals fire. `run` ends when they have.
//
// Failure mode: when the source cannot go on, what was put is left alone, handlers at work are waited for as by `close`, and `run`
// rejects.
import { Desk } from "./desk.ts";
import type { Source, Task } from "./work.ts";

export interface SubscriberOptions<T extends Task, W> {
  /** `followedStream(...)` or `member(...)`. */
  readonly source: Source<T, W>;
  /** Has the effect. The signal fires when it is to be given up: nobody listens to what becomes of it then. */
  readonly handle: (work: W, signal: AbortSignal) => Promise<void>;
  /** Handlers at once, from 1. Unset: 8. */
  readonly concurrency?: number;
  /** The most events that one handler is given, all of one key. Unset: 1. */
  readonly batch?: number;
  /** The most that their texts come to, in bytes, unless it is one event. Unset: 2 MiB. */
  readonly batchBytes?: number;
  /** Events held at once, those being handled included. Unset: eight times what all handlers are given, at most 10,000. */
  readonly heldMax?: number;
  /** What they come to, in bytes. Unset: 32 MiB. */
  readonly heldBytesMax?: number;
  /** How long handlers at work may go on after `close`, in milliseconds. Unset: 10 seconds. */
  readonly graceMs?: number;
}

const MIB = 1024 * 1024;
/** The most that a member may have open (cos.highway.v1.Credit). */
const HELD_MAX = 10_000;

export class Subscriber<T extends Task, W> {
  readonly #source: Source<T, W>;
  readonly #desk: Desk<T>;
  readonly #graceMs: number;
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SubscriberOptions<T, W>) {
    const { source, handle, concurrency = 8, batch = 1, batchBytes = 2 * MIB, heldBytesMax = 32 * MIB } = options;
    const heldMax = options.heldMax ?? Math.min(HELD_MAX, 8 * concurrency * batch);
    this.#source = source;
    this.#graceMs = options.graceMs ?? 10_000;
    this.#desk = new Desk<T>({
      handle: (tasks, signal) => handle(source.workOf(tasks), signal),
      mayBegin: (tasks) => source.mayBegin?.(tasks) ?? true,
      done: (tasks) => source.done(tasks),
      failed: (task, error) => source.failed(task, error),
      freed: () => source.freed?.(),
      onFatal: (error) => this.#fail(error),
      ...{ concurrency, batch, batchBytes, heldMax, heldBytesMax },
    });
  }

  /** Works until the source ends or `close` is called. Rejects with what the source, or a handler for good, failed of. */
  run(): Promise<void> {
    this.#ended ??= this.#run();
    return this.#ended;
  }

  /** Takes nothing more, and resolves when all handlers have ended (S3). */
  async close(): Promise<void> {
    this.#stopSoon();
    await this.#ended?.catch(() => undefined);
  }

  async #run(): Promise<void> {
    const desk = this.#desk;
    const stopping = { stop: this.#stop.signal, cut: this.#cut.signal };
    try {
      await this.#source.run(desk, stopping);
      // A source that came to its end has put what is to be done all the same.
      await desk.idle(stopping.stop);
    } catch (error) {
      this.#fail(error);
    }
    this.#stopSoon();
    desk.withdraw();
    await desk.idle(new AbortController().signal);
    this.#cut.abort();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #stopSoon(): void {
    if (this.#stop.signal.aborted) return;
    this.#desk.stop();
    this.#stop.abort();
    const timer = setTimeout(() => this.#cut.abort(), this.#graceMs).unref();
    this.#cut.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      this.#desk.lose(new Error("there was no more time"));
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stopSoon();
  }
}
