// Recording any number of memories over a stream that may break at any point.
//
// Owner: one import. One task takes items in; another has one stream at a time, sends from the front and takes answers.
//
//  R1  Items are held, in order, from being taken in until their answer: at most `heldItemsMax`, and no more once they
//      weigh `heldBytesMax`. Only then is more taken in.
//  R2  Answers come in the order of the items; `firstIndex` must be the number of answers that the stream has given so far.
//  R3  A lost stream is followed by another that begins with the first unanswered item. What had been recorded without
//      an answer is recognised by its key, and as our own by the request id, which is the same for all streams.
//  R4  An item that is refused for the moment (an engine is away) loses the stream too: a later item must not overtake it.
//  R5  After `stop` nothing more is taken in; what was taken in is still sent and its answers are waited for, unless the
//      stream is lost: then that is the end.
//
// Failure mode: a server that stays away longer than `giveUpAfterMs`, or refuses the stream for good, ends it with that
// error; what was held then has no answer, recorded or not.
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type RecordFault,
  type RecordMemoriesRequest,
  RecordMemoriesRequestSchema,
  type RecordMemoriesResponse,
  type RecordMemoryRequest,
  type RecordMemoryResponse,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { backoffMs, RECONNECT_BACKOFF } from "#shared/highway/client/backoff.ts";
import { passes } from "#shared/highway/client/stream-error.ts";
import { unlessAborted } from "#shared/highway/client/unless-aborted.ts";
import { Held } from "./held.ts";

/** A memory to record, with what it is called in messages and its size on the wire. */
export interface Item {
  /** `line 2000`. */
  readonly name: string;
  readonly request: RecordMemoryRequest;
  readonly bytes: number;
}

export interface RecordItemsOptions {
  readonly items: AsyncIterable<readonly Item[]>;
  readonly open: (
    requests: AsyncIterable<RecordMemoriesRequest>,
    options: { signal: AbortSignal },
  ) => AsyncIterable<RecordMemoriesResponse>;
  readonly onRecorded: (item: Item, response: RecordMemoryResponse) => void;
  readonly onFault: (item: Item, fault: RecordFault) => void;
  /** The stream was lost and will be asked for again; `next` is the first item without an answer. */
  readonly onLost: (cause: unknown, next: Item | undefined) => void;
  /** The first answer after a loss. */
  readonly onResumed: () => void;
  /** Aborts: nothing more is taken in (R5). */
  readonly stop: AbortSignal;
  /** Aborts, after `stop`: the stream in use is dropped. */
  readonly abandon: AbortSignal;
  readonly batchItemsMax: number;
  readonly giveUpAfterMs: number;
  readonly heldItemsMax?: number;
  readonly backoff?: typeof RECONNECT_BACKOFF;
  readonly now?: () => number;
}

/** Well below the 4 MiB that a message may have, since the last item of a batch is taken whole. */
const BATCH_BYTES_MAX = 1024 * 1024;
const HELD_ITEMS_MAX = 2000;
const HELD_BYTES_MAX = 8 * 1024 * 1024;

/** An answer that says: later. */
class RefusedForNow extends Error {
  override readonly name = "RefusedForNow";
}

const FOR_NOW: ReadonlySet<number> = new Set([Code.Unavailable, Code.Aborted, Code.DeadlineExceeded]);

/** Records all items; resolves when each has its answer, or rejects with what ended it. */
export async function recordItems(options: RecordItemsOptions): Promise<void> {
  const held = new Held<Item>(options.heldItemsMax ?? HELD_ITEMS_MAX, HELD_BYTES_MAX);
  const ended = new AbortController();
  const takenIn = takeIn(options.items, AbortSignal.any([options.stop, ended.signal]), held);
  // Looked at when all that was taken in has its answer.
  takenIn.catch(() => undefined);
  try {
    await sendAll(options, held);
  } finally {
    ended.abort();
  }
  await takenIn;
}

/** One stream after the other, until everything has its answer (R3). */
async function sendAll(options: RecordItemsOptions, held: Held<Item>): Promise<void> {
  const now = options.now ?? Date.now;
  let attempt = 0;
  let troubleSince = now();
  while (!(options.stop.aborted && attempt > 0)) {
    const idle = held.first === undefined;
    if (!(await held.some())) return;
    // While there was nothing to send, a lost stream was no trouble.
    if (idle) troubleSince = now();
    const before = held.answered;
    const cause = await runStream(options, held, attempt > 0);
    if (cause === undefined && held.isDone) return;
    const moved = held.answered > before;
    if (moved) troubleSince = now();
    attempt = moved ? 1 : attempt + 1;
    if (options.stop.aborted) return;
    const hopeless = now() - troubleSince > options.giveUpAfterMs;
    if (hopeless || !mayPass(cause)) throw cause ?? new Error("the server ends every stream before its answers");
    if (attempt === 1) options.onLost(cause, held.first);
    const waitMs = backoffMs(options.backoff ?? RECONNECT_BACKOFF, attempt, Math.random);
    await delay(waitMs, undefined, { signal: options.stop }).catch(() => undefined);
  }
}

/** A stream that ends too soon, but without an error, was closed by a server that goes away. */
function mayPass(cause: unknown): boolean {
  return cause === undefined || cause instanceof RefusedForNow || passes(cause);
}

/** Takes items in as there is room (R1), until they end or `stop` aborts (R5). */
async function takeIn(items: RecordItemsOptions["items"], stop: AbortSignal, held: Held<Item>): Promise<void> {
  const groups = items[Symbol.asyncIterator]();
  try {
    while (!stop.aborted) {
      const next = await unlessAborted(groups.next(), stop);
      if (next === undefined || next.done === true) break;
      for (const item of next.value) held.add(item);
      await unlessAborted(held.room(), stop);
    }
  } finally {
    // Not waited for: standard input may be in the middle of a read that never ends.
    groups.return?.()?.catch(() => undefined);
    held.end();
  }
}

/** One stream, from the first unanswered item on. Answers with what it was lost of; undefined: it ended in peace. */
async function runStream(options: RecordItemsOptions, held: Held<Item>, resumes: boolean): Promise<unknown> {
  const attempt = new AbortController();
  const signal = AbortSignal.any([attempt.signal, options.abandon]);
  let answers = 0;
  held.rewind();
  try {
    for await (const { firstIndex, results } of options.open(requestsOf(held, options.batchItemsMax, signal), {
      signal,
    })) {
      if (Number(firstIndex) !== answers)
        throw new Error(`an answer to item ${firstIndex} came where ${answers} was due`);
      if (resumes && answers === 0 && results.length > 0) options.onResumed();
      for (const { outcome } of results) takeOutcome(options, held, outcome);
      answers += results.length;
    }
    return undefined;
  } catch (cause) {
    return cause ?? new Error("the stream was lost");
  } finally {
    attempt.abort();
  }
}

async function* requestsOf(
  held: Held<Item>,
  itemsMax: number,
  signal: AbortSignal,
): AsyncGenerator<RecordMemoriesRequest> {
  for (;;) {
    const batch = await held.next(itemsMax, BATCH_BYTES_MAX, signal);
    if (batch === undefined) return;
    yield create(RecordMemoriesRequestSchema, { requests: batch.map(({ request }) => request) });
  }
}

function takeOutcome(
  { onRecorded, onFault }: RecordItemsOptions,
  held: Held<Item>,
  outcome: RecordMemoriesResponse["results"][number]["outcome"],
): void {
  if (outcome.case === "fault" && (FOR_NOW.has(outcome.value.code) || outcome.value.reason === "OVERLOADED")) {
    throw new RefusedForNow(outcome.value.message);
  }
  const item = held.answer();
  if (outcome.case === "recorded") onRecorded(item, outcome.value);
  else if (outcome.case === "fault") onFault(item, outcome.value);
  else throw new ConnectError("an answer came without its outcome", Code.DataLoss);
}
