import { hostname } from "node:os";
import { toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type ConsumedWork, type MemberState, member } from "#shared/highway/client/member.ts";
import { ParkEvent } from "#shared/highway/client/park-event.ts";
import { ReleaseEvent } from "#shared/highway/client/release-event.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import { Subscriber } from "#shared/highway/client/subscriber.ts";
import type { WorkedEvent } from "#shared/highway/client/work.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ConsumeOptions } from "../commands/consume.ts";
import { type Connection, withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import { oneLine } from "../output/one-line.ts";
import { PipeClosed } from "../output/output.ts";
import { causeOf } from "../tail/tell-state.ts";
import { createRequestOf } from "./consumer-of.ts";
import { runCommand } from "./run-command.ts";

/** Exit codes of a command (sysexits.h, and the shell's for what it cannot run). */
const EX_DATAERR = 65;
const CANNOT_RUN: ReadonlySet<number | undefined> = new Set([126, 127]);
/** Options that say what a consumer is, not how it is worked. */
const DEFINING: ReadonlySet<string> = new Set([
  ...["key", "from", "lease", "maxAttempts", "maxInFlight", "ackDeadline", "backoff", "description"],
  ...["type", "source", "session", "tag", "since", "until", "recordedSince", "recordedUntil"],
]);
/** How many memories are printed in one go. */
const PRINTED_MAX = 100;
/** For commands that run there is all the time that they take; a second Ctrl-C ends the process. */
const GRACE_MS = 2 ** 31 - 1;

/** `cos consume`: until Ctrl-C (130) or a refusal. */
export function consumeEvents(cli: Cli, name: string, options: ConsumeOptions): Promise<number> {
  return withConnection(cli, options.address, async (connection) => {
    const { signal } = cli.terminal;
    await findOrCreate(cli, connection, name, options);
    let failure: unknown;
    const source = member({
      client: connection.highway,
      consumer: name,
      name: options.member ?? ownName(),
      isNameShared: options.member !== undefined,
      onState: (state) => tellState(cli, state),
      onFailed: (event, error) => tellFailed(cli, event, error),
      giveUp: ({ everConnected }) => !everConnected,
    });
    const subscriber = new Subscriber({
      source,
      concurrency: options.concurrency,
      batch: options.exec === undefined ? PRINTED_MAX : 1,
      graceMs: GRACE_MS,
      handle: async (work, lost) => {
        try {
          await (options.exec === undefined ? print(cli, work) : execute(cli, options.exec, options, work, lost));
        } catch (error) {
          if (!(error instanceof PipeClosed || error instanceof CliFailure)) throw error;
          failure ??= error;
          void subscriber.close();
          throw new ReleaseEvent(error.message, { cause: error });
        }
      },
    });
    const stop = (): void => void subscriber.close();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await subscriber.run();
    } catch (error) {
      throw error instanceof StreamRefused ? (explainLoss(error, name, options) ?? error) : error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (failure !== undefined) throw failure;
    return EXIT.interrupted;
  });
}

/** A name for people that nobody else has. */
function ownName(): string {
  const host =
    hostname()
      .replaceAll(/[^A-Za-z0-9.-]/g, "-")
      .slice(0, 60) || "cos";
  return `cos-${host}-${process.pid}-${Math.random().toString(36).slice(2, 8)}x`;
}

async function findOrCreate(
  cli: Cli,
  { highway }: Pick<Connection, "highway">,
  name: string,
  options: ConsumeOptions,
): Promise<void> {
  const { signal } = cli.terminal;
  if (options.module !== undefined || options.all === true) {
    // Of one that is there already the mesh says whether it is the same.
    const { existed } = await highway.createConsumer(createRequestOf(name, options), { signal });
    if (!existed) await cli.err.line(cli.err.style("dim", `cos: created the consumer ${name}`));
    return;
  }
  const defining = Object.keys(options).find((option) => DEFINING.has(option));
  if (defining !== undefined) {
    const flag = `--${defining.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new CliFailure(
      EXIT.usage,
      `${flag} says what a consumer is: it goes with --module or --all; \`cos consumers update\` changes one`,
    );
  }
  await highway.getConsumer({ name }, { signal }).catch((error: unknown) => {
    if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
    const message = `there is no consumer ${name}: --module or --all creates it, and says what it reads`;
    throw new CliFailure(EXIT.notFound, message, { cause: error });
  });
}

async function print(cli: Cli, { events }: ConsumedWork): Promise<void> {
  for (const event of events) await cli.out.line(toJsonString(MemorySchema, memoryOf(event)));
}

async function execute(
  cli: Cli,
  command: string,
  { timeout }: ConsumeOptions,
  { events }: ConsumedWork,
  lost: AbortSignal,
): Promise<void> {
  const [event] = events as [WorkedEvent];
  const memory = memoryOf(event);
  const limit = timeout === undefined ? new AbortController().signal : AbortSignal.timeout(timeout * 1000);
  const { code, killedBy, lastError } = await runCommand({
    command,
    env: { ...cli.terminal.env, ...variablesOf(event, memory) },
    input: `${toJsonString(MemorySchema, memory)}\n`,
    onOut: (text) => void cli.out.write(text).catch(() => undefined),
    onErr: (text) => void cli.err.write(text).catch(() => undefined),
    signal: AbortSignal.any([lost, limit]),
  });
  if (code === 0) return;
  if (CANNOT_RUN.has(code)) {
    throw new CliFailure(EXIT.usage, `the command cannot be run${lastError === "" ? "" : `: ${oneLine(lastError)}`}`);
  }
  if (code === EX_DATAERR) throw new ParkEvent(lastError || `exit code ${code}`);
  if (limit.aborted) throw new Error(`it took longer than ${timeout} s and was killed`);
  throw new Error(lastError || (killedBy === undefined ? `exit code ${code}` : `it was ended by ${killedBy}`));
}

function variablesOf({ module, position, attempt }: WorkedEvent, { id, eventType }: Memory): Record<string, string> {
  return {
    COS_MODULE: module,
    COS_POSITION: String(position),
    COS_ID: id,
    COS_EVENT_TYPE: eventType,
    COS_ATTEMPT: String(attempt),
  };
}

/** A member is only given events that this version knows: memories. */
function memoryOf({ event }: WorkedEvent): Memory {
  return event.body.value as Memory;
}

function tellState({ err }: Cli, state: MemberState): void {
  const text = describe(state);
  if (text !== undefined) err.line(err.style("dim", `cos: ${text}`)).catch(() => undefined);
}

function describe(state: MemberState): string | undefined {
  switch (state.kind) {
    case "joined":
      return state.resumed ? "connected again: what was in hand comes again" : undefined;
    case "lost":
      return state.attempt === 1 ? `connection lost (${causeOf(state.cause)}): trying again` : undefined;
    case "refused":
      return `${countOf(state.positions.length, "event of", "events of")} ${state.module} went to others meanwhile`;
  }
}

function tellFailed({ err }: Cli, { module, position, attempt }: WorkedEvent, error: unknown): void {
  if (error instanceof ReleaseEvent) return;
  const what = error instanceof ParkEvent ? "was parked" : "failed";
  const text = `cos: ${module}/${position} ${what} (attempt ${attempt}): ${oneLine((error as Error).message)}`;
  err.line(err.style("yellow", text)).catch(() => undefined);
}

function explainLoss(error: StreamRefused, name: string, { member: given }: ConsumeOptions): CliFailure | undefined {
  const reason = reasonOf(error.cause);
  if (reason === "CONSUMER_NOT_FOUND") {
    return new CliFailure(EXIT.notFound, `the consumer ${name} was deleted, or you may not read it any more`, {
      cause: error,
    });
  }
  if (reason !== "MEMBER_REPLACED") return undefined;
  const message = `another member goes by the name ${given}: give this one another (--member), or none`;
  return new CliFailure(EXIT.failed, message, { cause: error });
}
