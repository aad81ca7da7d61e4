// How the graph calls the conductor: as any client of the mesh does, with a token of its own for each call.
//
//  K1  What the caller came with is never passed on. A write carries a token of a minute that the graph signs: for the conductor,
//      on behalf of the caller, with the rights that were found here. Reading the log is the graph's own, with READ everywhere.
//  K2  A stream outlives its token by being asked for again, from the same place, with a new one: `renews` says so to `follow`.
//  K3  Without a key no token is sent: good for a conductor that lets in whoever is on its machine, which then is `local`. It takes
//      no acts upon the graph from `local`, so nothing can be made by hand.
//  K4  A token goes to another machine over TLS alone.
//
// Failure: the conductor away is ENGINE_UNAVAILABLE with its name; after a write the outcome is then unknown, and its key makes the
// repetition safe. Its refusals pass through, with reason and details.
import type { KeyObject } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  ConductorService,
  type SubscribeRequestSchema,
  type SubscribeResponse,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  GraphLogService,
  type RecordGraphActRequestSchema,
  type RecordGraphActResponse,
} from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import {
  ProjectionLogService,
  type ReportProjectionsRequestSchema,
} from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import { type Cursor, CursorFaultsSchema, type Progress } from "#gen/cos/highway/v1/highway_pb.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { EVERY_MODULE } from "#shared/auth/principal.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openServiceTokenMint } from "#shared/identity/open-service-token-mint.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { ClientTls } from "#shared/rpc/client-tls.ts";
import { errorOfPeer } from "#shared/rpc/error-of-peer.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { parseAddress, refuseOpenToken } from "#shared/rpc/parse-address.ts";

/** The names by which the policies of the mesh know the two. */
const SELF = "graph";
const AUDIENCE = "conductor";

/** How long the conductor has to record an act, in milliseconds, however long the caller would wait. */
const RECORD_MAX_MS = 3_000;

const PEER = { name: "the conductor", details: [CursorFaultsSchema] };

export interface ConductorOptions {
  /** `host:port`, a URL, or a target of gRPC. */
  readonly address: string;
  readonly tls?: ClientTls;
  /** The private half of the key that the conductor's policy knows as the service `graph` (Ed25519). Unset: none (K3). */
  readonly serviceKey?: KeyObject;
  readonly log: Log;
  /** In milliseconds. Unset: 3,000. */
  readonly recordMaxMs?: number;
}

/** A call of the graph's that is answered with a call of the conductor's: most of a CallContext. */
export interface OnBehalf extends Pick<CallContext, "access" | "requestId" | "traceparent" | "signal"> {
  /** How long the caller still waits, in milliseconds. Unset: for ever. */
  readonly timeoutMs?: number;
}

export interface Conductor {
  /** The highway, with READ in all modules, for `follow`: errors come as they are. It is left by its signal. */
  subscribe(
    request: MessageInitShape<typeof SubscribeRequestSchema>,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<SubscribeResponse>;
  /**
   * Whether a stream that was refused so is to be asked for again (K2): a new token mends one that has run out, and whoever sees to the
   * conductor's policy mends the rest.
   */
  renews(cause: unknown): boolean;
  /**
   * Records an act upon the graph for a caller. Rejects with what the conductor says of it, ENGINE_UNAVAILABLE where it says nothing for
   * `recordMaxMs`, and KIND_REFUSED where the graph has no key.
   */
  recordGraphAct(
    request: MessageInitShape<typeof RecordGraphActRequestSchema>,
    caller: OnBehalf,
  ): Promise<RecordGraphActResponse>;
  /**
   * Lets the conductor judge a cursor; answers with how things stand in its module. Rejects with CURSOR_ABOVE_HEAD, CURSOR_BELOW_FLOOR or
   * CURSOR_PAST_FORK with `CursorFaults`, MODULE_NOT_FOUND, or ENGINE_UNAVAILABLE.
   */
  proveCursor(cursor: Cursor, signal: AbortSignal): Promise<Progress>;
  /**
   * Tells how far the graph has come, for itself. Rejects as `recordGraphAct` does. Undefined: without a key the conductor listens to
   * nobody (K3).
   */
  readonly reportProjections:
    | ((
        request: MessageInitShape<typeof ReportProjectionsRequestSchema>,
        options: { readonly signal: AbortSignal },
      ) => Promise<unknown>)
    | undefined;
  close(): void;
}

/** Opens the way to the conductor; no connection is made yet. Throws SettingsError where a token would travel openly. */
export function openConductor(options: ConductorOptions): Conductor {
  const { address, tls, serviceKey, log, recordMaxMs = RECORD_MAX_MS } = options;
  const isOpenly = tls === undefined && parseAddress(address).tls !== true;
  if (serviceKey !== undefined && isOpenly) refuseOpenToken(address, parseAddress(address));
  const transport = openTransport({ address, ...(tls && { tls }) });
  const conductor = createClient(ConductorService, transport);
  const graphLog = createClient(GraphLogService, transport);
  const projectionLog = createClient(ProjectionLogService, transport);
  const mint = serviceKey && openServiceTokenMint({ service: SELF, privateKey: serviceKey });
  const itself = ownAccess();
  /** K1: a token for one call. */
  const tokenFor = async (actor: Access): Promise<Record<string, string>> =>
    mint === undefined ? {} : { authorization: `Bearer ${await mint.mint({ audience: AUDIENCE, actor })}` };

  async function* subscribe(
    request: MessageInitShape<typeof SubscribeRequestSchema>,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<SubscribeResponse> {
    yield* conductor.subscribe(request, { signal, headers: await tokenFor(itself) });
  }

  /** A call's error, as callers of the graph are told it. */
  const told = (error: unknown): unknown => {
    if (error instanceof ConnectError && error.code === Code.Unauthenticated) {
      log.warn(
        { reason: reasonOf(error) },
        "the conductor does not let the graph in: see its policy and COS_GRAPH_SERVICE_KEY",
      );
    }
    if (mint === undefined && reasonOf(error) === "KIND_REFUSED") return keyMissing(error);
    return errorOfPeer(error, PEER);
  };
  const asked = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      throw told(error);
    });

  return {
    subscribe,
    renews: (cause) => cause instanceof ConnectError && cause.code === Code.Unauthenticated,
    async recordGraphAct(request, { access, requestId, traceparent, signal, timeoutMs }) {
      const headers = {
        ...(await tokenFor(access)),
        "x-request-id": requestId,
        ...(traceparent !== "" && { traceparent }),
      };
      const isOurs = timeoutMs === undefined || timeoutMs > recordMaxMs;
      const recording = graphLog.recordGraphAct(request, {
        headers,
        signal,
        timeoutMs: isOurs ? recordMaxMs : timeoutMs,
      });
      return asked(isOurs ? recording.catch(silenceAsAbsence) : recording);
    },
    reportProjections:
      mint &&
      (async (request, { signal }) =>
        asked(projectionLog.reportProjections(request, { signal, headers: await tokenFor(itself) }))),
    proveCursor: (cursor, signal) => asked(firstProgress(subscribe, cursor, signal)),
    close: () => transport.close(),
  };
}

/** The graph's own access, by which it reads the log. */
function ownAccess(): Access {
  const principal = { name: SELF, kind: PrincipalKind.SERVICE, grants: new Map([[EVERY_MODULE, Verb.READ]]) };
  return new Access({ principal, credential: CredentialKind.SERVICE });
}

/** A deadline that the caller has not set is no doing of the caller's. */
function silenceAsAbsence(error: unknown): never {
  if (!(error instanceof ConnectError && error.code === Code.DeadlineExceeded)) throw error;
  throw new CosError(ErrorReason.ENGINE_UNAVAILABLE, `${PEER.name} does not answer`, { cause: error });
}

function keyMissing(cause: unknown): CosError {
  return new CosError(
    ErrorReason.KIND_REFUSED,
    "nothing can be made by hand here: the graph has no key to call the conductor with (COS_GRAPH_SERVICE_KEY; `npm start` makes one)",
    { cause },
  );
}

/** How a stream that begins at a cursor starts; then it is left. */
async function firstProgress(
  subscribe: Conductor["subscribe"],
  cursor: Cursor,
  signal: AbortSignal,
): Promise<Progress> {
  const leave = new AbortController();
  try {
    const request = { modules: cursor.module === "" ? [] : [cursor.module], cursors: [cursor] };
    for await (const { frame } of subscribe(request, { signal: AbortSignal.any([signal, leave.signal]) })) {
      const progress = frame.case === "started" ? frame.value.progress[0] : undefined;
      if (progress !== undefined) return progress;
    }
    throw new ConnectError("the stream ended before it said where it starts", Code.Unavailable);
  } finally {
    leave.abort();
  }
}
