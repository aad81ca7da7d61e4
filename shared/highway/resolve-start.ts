import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { SubscribeRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  type Cursor,
  type CursorFault,
  CursorFaultSchema,
  CursorFaultsSchema,
  CursorSchema,
} from "#gen/cos/highway/v1/highway_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { mayRead, type Scope } from "#shared/auth/scope.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import { epochChanged } from "./ending.ts";
import type { Epoch, EpochHistory, LogPort, ModuleHead } from "./log-port.ts";
import { packPlaces } from "./resume-places.ts";
import { decodeResumeToken, encodeResumeToken, type TokenPlaces } from "./resume-token.ts";

/** The module that is meant where none is named. */
export const DEFAULT_MODULE = "cc";

/** How many faults a refusal names: they travel in the trailers, which clients bound to some kilobytes. */
const FAULTS_MAX = 16;

/** How many modules are searched for a time at once. */
const SEARCHES_MAX = 8;

/** Where a stream starts in one module. */
export interface StartPlace {
  readonly module: string;
  readonly number: number;
  /** Everything up to here is behind it. */
  readonly position: number;
}

export interface StartContext {
  readonly heads: readonly ModuleHead[];
  readonly epochs: EpochHistory;
  readonly scope: Scope;
  readonly positionAt: LogPort["positionAt"];
  readonly signal?: AbortSignal;
}

/** A place that was asked for, before it is held against the log. */
interface AskedPlace {
  readonly head: ModuleHead;
  /** What was given, as a cursor; undefined: nothing was, so nothing can be wrong with it. */
  readonly given: Cursor | undefined;
  readonly position: number;
}

/** Where each module of a request starts in the log as it is now, whose heads and epoch come with it. Throws as `resolveStart` does. */
export async function startFromLog(
  request: SubscribeRequest,
  { port, scope, signal }: { readonly port: LogPort; readonly scope: Scope; readonly signal: AbortSignal },
): Promise<{ places: StartPlace[]; heads: readonly ModuleHead[]; epoch: Epoch }> {
  const before = port.epochs().current;
  const heads = await port.heads(signal);
  const epochs = port.epochs();
  // Heads and epoch have to be of one history; whoever comes in between comes again.
  if (before.identity !== epochs.current.identity) {
    throw epochChanged().error;
  }
  const positionAt: LogPort["positionAt"] = (...asked) => port.positionAt(...asked);
  const places = await resolveStart(request, { heads, epochs, scope, positionAt, signal });
  return { places, heads, epoch: epochs.current };
}

/**
 * Where each module of a request starts: at its cursor, else at its place in the resume token, else at `start`. What was
 * registered after the token was made starts at its beginning.
 *
 * Throws INVALID_FIELD, RESUME_TOKEN_INVALID, MODULE_NOT_FOUND; CURSOR_ABOVE_HEAD and CURSOR_PAST_FORK with CursorFaults.
 * Rejects as the log does when it cannot be reached.
 */
export async function resolveStart(request: SubscribeRequest, context: StartContext): Promise<StartPlace[]> {
  const heads = wantedHeads(request, context);
  const cursors = cursorsByModule(request, heads, context);
  const token = request.resumeToken === "" ? undefined : readToken(request.resumeToken, context.epochs);
  const asked = heads.map((head) => askedByCursor(head, cursors) ?? askedByToken(head, token, context.epochs));
  const rest = await startPositions(
    request,
    heads.filter((_, index) => asked[index] === undefined),
    context,
  );
  const places = heads.map((head, index) => asked[index] ?? (rest.get(head.module) as AskedPlace));
  refuseFaults(places, context);
  return places.map(({ head, position }) => ({ module: head.module, number: head.number, position }));
}

function wantedHeads(request: SubscribeRequest, { heads, scope }: StartContext): ModuleHead[] {
  if (request.allModules) {
    return heads.filter(({ module }) => mayRead(scope, module));
  }
  const names = request.modules.length === 0 ? [DEFAULT_MODULE] : request.modules.map(moduleName);
  const wanted = [...new Set(names)].map((name) => findHead(name, heads, scope));
  return wanted.sort((left, right) => left.number - right.number);
}

function findHead(module: string, heads: readonly ModuleHead[], scope: Scope): ModuleHead {
  const head = mayRead(scope, module) ? heads.find((candidate) => candidate.module === module) : undefined;
  if (head === undefined) {
    throw moduleNotFound(module);
  }
  return head;
}

function moduleName(name: string): string {
  return name === "" ? DEFAULT_MODULE : name;
}

function cursorsByModule(
  request: SubscribeRequest,
  wanted: readonly ModuleHead[],
  { heads, scope }: StartContext,
): Map<string, Cursor> {
  const streamed = new Set(wanted.map(({ module }) => module));
  const cursors = new Map<string, Cursor>();
  for (const [index, cursor] of request.cursors.entries()) {
    const module = moduleName(cursor.module);
    const field = `cursors[${index}].module`;
    if (cursors.has(module)) {
      throw invalidField(field, `there are two cursors of module '${module}'`);
    }
    if (!streamed.has(module)) {
      // Of a stream of all modules, only what does not exist for the caller is missing.
      findHead(module, heads, scope);
      throw invalidField(field, `module '${module}' is not one of the request's`);
    }
    cursors.set(module, cursor);
  }
  return cursors;
}

function readToken(text: string, epochs: EpochHistory): TokenPlaces {
  const token = decodeResumeToken(text, epochs.past);
  if (token === undefined) {
    throw new CosError(ErrorReason.RESUME_TOKEN_INVALID, "resume_token: not a token of this mesh, or not a whole one", {
      fields: [{ field: "resume_token", description: "not a token of this mesh, or not a whole one" }],
    });
  }
  return token;
}

function askedByCursor(head: ModuleHead, cursors: ReadonlyMap<string, Cursor>): AskedPlace | undefined {
  const given = cursors.get(head.module);
  return given && { head, given, position: Number(given.position) };
}

function askedByToken(head: ModuleHead, token: TokenPlaces | undefined, epochs: EpochHistory): AskedPlace | undefined {
  if (token === undefined) {
    return undefined;
  }
  const place = token.places.find(({ number }) => number === head.number);
  if (place !== undefined) {
    return { head, given: cursorOf(head.module, place.position, token.epoch), position: place.position };
  }
  // After a restore numbers begin again where they stood at the fork, so there only the forks tell what is new.
  const isNew = head.number > token.known || forkOf(token.epoch, head.module, epochs) === undefined;
  return isNew ? { head, given: undefined, position: 0 } : undefined;
}

async function startPositions(
  request: SubscribeRequest,
  heads: readonly ModuleHead[],
  context: StartContext,
): Promise<Map<string, AskedPlace>> {
  const places = new Map<string, AskedPlace>();
  for (let at = 0; at < heads.length; at += SEARCHES_MAX) {
    const found = await Promise.all(
      heads.slice(at, at + SEARCHES_MAX).map((head) => startPosition(request, head, context)),
    );
    for (const place of found) {
      places.set(place.head.module, place);
    }
  }
  return places;
}

async function startPosition(request: SubscribeRequest, head: ModuleHead, context: StartContext): Promise<AskedPlace> {
  const { start } = request;
  if (start.case === "fromPosition") {
    const given = cursorOf(head.module, start.value, context.epochs.current.identity);
    return { head, given, position: Number(start.value) };
  }
  return { head, given: undefined, position: await startOf(request, head, context) };
}

/**
 * The position of `start` in a module of which nothing else is given: its beginning, its head, or what was recorded last before
 * a time. Rejects as the log does when it cannot be reached.
 */
export async function startOf(
  { start }: Pick<SubscribeRequest, "start">,
  { module, position: head }: ModuleHead,
  { positionAt, signal }: Pick<StartContext, "positionAt" | "signal">,
): Promise<number> {
  if (start.case === "fromTime") {
    // Recorded since the heads were read, what lies above them is as new as what comes next.
    return Math.min(await positionAt(module, start.value, signal), head);
  }
  return start.case === "fromBeginning" && start.value ? 0 : head;
}

/**
 * Refuses the request if any place is wrong; what was given of an older epoch is worse than what lies too high, and is named
 * first. However few are named, the token sets all of them right.
 */
function refuseFaults(places: readonly AskedPlace[], context: StartContext): void {
  const { epochs } = context;
  const judged = places.map((place) => ({ place, limit: limitOf(place, epochs) }));
  const faulty = judged.filter(({ place, limit }) => place.position > limit);
  if (faulty.length === 0) {
    return;
  }
  const foreign = faulty.filter(({ place }) => isForeign(place, epochs));
  const pastFork = foreign.length > 0;
  const reason = pastFork ? ErrorReason.CURSOR_PAST_FORK : ErrorReason.CURSOR_ABOVE_HEAD;
  // The reason has to be among those that are named.
  const named = [...new Set([...foreign, ...faulty])].slice(0, FAULTS_MAX);
  const faults = named.map(({ place, limit }) => faultOf(place, limit, epochs));
  const packed = packPlaces({
    known: context.heads.at(-1)?.number ?? 0,
    places: judged.map(({ place, limit }) => ({
      number: place.head.number,
      position: Math.min(place.position, limit),
    })),
  });
  const resumeToken = encodeResumeToken(epochs.current, packed);
  throw new CosError(reason, describeFaults(faults[0] as CursorFault, faulty.length, pastFork), {
    details: [{ desc: CursorFaultsSchema, value: create(CursorFaultsSchema, { faults, resumeToken }) }],
  });
}

/** The highest position that is good: the head, or, of an older epoch, the fork. */
function limitOf({ given, head }: AskedPlace, epochs: EpochHistory): number {
  const fork = isForeign({ given }, epochs) ? (forkOf(given?.epoch ?? "", head.module, epochs) ?? 0) : head.position;
  return Math.min(head.position, fork);
}

/** Whether it was read from another epoch; a cursor without one means the present one. */
function isForeign({ given }: Pick<AskedPlace, "given">, epochs: EpochHistory): boolean {
  return given !== undefined && given.epoch !== "" && given.epoch !== epochs.current.identity;
}

/** The last position that the epoch shares with the present one; undefined: nothing of the module, or the epoch is not known. */
function forkOf(epoch: string, module: string, epochs: EpochHistory): number | undefined {
  const generation = generationOf(epoch, epochs);
  if (generation === undefined) {
    return undefined;
  }
  let fork = Number.POSITIVE_INFINITY;
  for (const later of epochs.past.filter((record) => record.generation > generation)) {
    const head = later.forks.get(module);
    if (head === undefined) {
      return undefined;
    }
    fork = Math.min(fork, head);
  }
  return fork;
}

function generationOf(identity: string, { current, past }: EpochHistory): number | undefined {
  return identity === current.identity
    ? current.generation
    : past.find((record) => record.identity === identity)?.generation;
}

function faultOf({ head, given, position }: AskedPlace, limit: number, epochs: EpochHistory): CursorFault {
  return create(CursorFaultSchema, {
    given: given ?? cursorOf(head.module, position, epochs.current.identity),
    resumeAt: cursorOf(head.module, limit, epochs.current.identity),
    head: BigInt(head.position),
    floor: 0n,
  });
}

function describeFaults({ given, resumeAt, head }: CursorFault, count: number, pastFork: boolean): string {
  const others = count === 1 ? "" : ` (and ${count - 1} more)`;
  const what = pastFork
    ? "saw a history that the log has lost; undo what you took above"
    : `is above the module's head, ${head}; go on from`;
  return `the cursor of module '${given?.module}' at ${given?.position} ${what} ${resumeAt?.position}${others}`;
}

function cursorOf(module: string, position: number | bigint, epoch: string): Cursor {
  return create(CursorSchema, { module, position: BigInt(position), epoch });
}
