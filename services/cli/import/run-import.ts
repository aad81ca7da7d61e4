import { randomUUID } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import type { RecordMemoryResponse } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { ImportOptions } from "../commands/import.ts";
import type { Connection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { ProgressBar } from "../output/progress-bar.ts";
import { checkMayRecord } from "./check-may-record.ts";
import type { LineFault } from "./line-fault.ts";
import { type Item, recordItems } from "./record-items.ts";
import { registerModule } from "./register-module.ts";
import { type Fault, Tally } from "./tally.ts";

/** What is imported. */
export interface ImportSource {
  /** As messages call it. */
  readonly name: string;
  /** How much there is, in the unit of `done`; undefined: nobody knows. */
  readonly total: number | undefined;
  /** How much of it has been read. */
  done(): number;
  /** Tells faulty ones to `onFault`, and ends when that answers false. */
  items(onFault: (name: string, fault: LineFault) => boolean): AsyncIterable<Item[]>;
}

/** How long an import waits, in milliseconds. */
export const IMPORT_WAITS = {
  /** A server that is away longer is not restarting. */
  giveUpAfterMs: 60_000,
  /** After Ctrl-C: for the answers to what has been sent. */
  lastAnswersMaxMs: 3_000,
} as const;

/** What the parts of one import share. */
interface Run {
  readonly cli: Cli;
  readonly source: ImportSource;
  readonly options: ImportOptions;
  readonly tally: Tally;
  readonly bar: ProgressBar;
  /** The same for all calls of this import, so that a memory tells whether it was recorded by it (record-items.ts, R3). */
  readonly requestId: string;
  /** Nothing more is taken in. */
  readonly stop: AbortController;
  /** Nor waited for. */
  readonly abandon: AbortController;
}

/** Records a source's items and tells what became of them; the exit code. */
export async function runImport(
  cli: Cli,
  connection: Connection,
  source: ImportSource,
  options: ImportOptions,
  waits: { readonly giveUpAfterMs: number; readonly lastAnswersMaxMs: number } = IMPORT_WAITS,
): Promise<number> {
  const { signal } = cli.terminal;
  const run = openRun(cli, source, options);
  const release = stopOn(signal, run, waits.lastAnswersMaxMs);
  try {
    await openModule(run, connection, signal);
    await recordAndCount(run, connection, waits.giveUpAfterMs);
  } finally {
    release();
  }
  if (signal.aborted) {
    tell(run, "stopped: type the same command again to go on, nothing is recorded twice");
    return EXIT.interrupted;
  }
  return run.tally.counts.failed > 0 ? EXIT.failed : EXIT.ok;
}

/** Also the first word with the server: if nobody is there, or nothing may be recorded, it is said at once. */
async function openModule(run: Run, connection: Connection, signal: AbortSignal): Promise<void> {
  const { module } = run.options;
  if (module !== undefined && (await registerModule(connection, module, signal)))
    tell(run, `module ${module} registered`);
  await checkMayRecord(connection, module, signal);
}

async function recordAndCount(run: Run, connection: Connection, giveUpAfterMs: number): Promise<void> {
  try {
    await recordAll(run, connection, giveUpAfterMs);
  } catch (error) {
    if (!run.cli.terminal.signal.aborted) throw error;
  } finally {
    run.bar.clear();
    await run.tally.close();
  }
}

function openRun(cli: Cli, source: ImportSource, options: ImportOptions): Run {
  const tally = new Tally(source.name, options.json === true, cli.out, cli.err);
  const bar = new ProgressBar(cli.err, source.name, Date.now);
  const [stop, abandon] = [new AbortController(), new AbortController()];
  return { cli, source, options, tally, bar, requestId: randomUUID(), stop, abandon };
}

/** Ctrl-C: what has been sent is still waited for, but not for ever. Answers with what undoes this. */
function stopOn(signal: AbortSignal, { stop, abandon }: Run, lastAnswersMaxMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    stop.abort();
    timer = setTimeout(() => abandon.abort(), lastAnswersMaxMs);
  };
  signal.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal.removeEventListener("abort", interrupt);
    clearTimeout(timer);
  };
}

function recordAll(run: Run, connection: Connection, giveUpAfterMs: number): Promise<void> {
  const { source, options, stop, abandon } = run;
  const headers = { "x-request-id": run.requestId };
  const goOn = options.onError === "skip";
  const items = source.items((name, { field, message }) => {
    tellFault(run, { name, field, message });
    return goOn;
  });
  return recordItems({
    items: registering(run, connection, items),
    open: (requests, call) => connection.conductor.recordMemories(requests, { ...call, headers }),
    onRecorded: (_, response) => onRecorded(run, response),
    onFault: ({ name }, { field, message }) => {
      tellFault(run, { name, field, message });
      // What was sent after it may be recorded all the same; nothing more is sent.
      if (!goOn) stop.abort();
    },
    onLost: (cause, next) =>
      tell(run, `connection lost (${causeOf(cause)}): trying again from ${next?.name ?? "there"}`),
    onResumed: () => tell(run, "connected again: going on"),
    stop: stop.signal,
    abandon: abandon.signal,
    batchItemsMax: options.batch,
    giveUpAfterMs,
  });
}

/**
 * The items, each after its module has been registered: lines may name modules of their own.
 *
 * A name that is none is left to the server, which refuses the items that have it, each by itself.
 */
async function* registering(run: Run, connection: Connection, groups: AsyncIterable<Item[]>): AsyncGenerator<Item[]> {
  const known = new Set(["", "cc", run.options.module]);
  for await (const items of groups) {
    for (const { request } of items) {
      const module = request.memory?.module ?? "";
      if (known.has(module)) continue;
      const isNew = await registerModule(connection, module, run.stop.signal).catch(falseIfInvalid);
      if (isNew) tell(run, `module ${module} registered`);
      known.add(module);
    }
    yield items;
  }
}

function falseIfInvalid(error: unknown): false {
  if (error instanceof ConnectError && error.code === Code.InvalidArgument) return false;
  throw error;
}

function onRecorded({ tally, bar, source, requestId }: Run, { deduplicated, memory }: RecordMemoryResponse): void {
  const { counts } = tally;
  counts[deduplicated && memory?.requestId !== requestId ? "alreadyThere" : "recorded"] += 1;
  bar.update({ done: source.done(), total: source.total, recorded: counts.recorded + counts.alreadyThere });
}

function tellFault({ tally, bar }: Run, fault: Fault): void {
  bar.clear();
  tally.fault(fault);
}

function tell({ bar, cli }: Run, text: string): void {
  bar.clear();
  cli.err.line(cli.err.style("dim", `cos: ${text}`)).catch(() => undefined);
}

function causeOf(cause: unknown): string {
  if (cause instanceof ConnectError) return cause.rawMessage;
  return cause instanceof Error ? cause.message : "the server ended the stream";
}
