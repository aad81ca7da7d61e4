// Calls whose bodies are whatever a test likes, and what the server said to them, the same for every protocol.
import { type DescMethod, fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code } from "@connectrpc/connect";
import {
  type RecordFault,
  type RecordMemoriesResponse,
  RecordMemoriesResponseSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { openHttp1, openHttp2, type Posted, type Returned } from "./exchange.ts";

/** The ways into the port. Requests in JSON are sent as text, others as protobuf's bytes. */
export type Stack = "gRPC" | "Connect, JSON" | "Connect, binary";

export const STACKS: readonly Stack[] = ["gRPC", "Connect, JSON", "Connect, binary"];

/** What a call was answered. */
export interface Answer {
  /** 0: it succeeded. */
  readonly code: number;
  readonly message: string;
  /** Of its ErrorInfo; empty: it has none. */
  readonly reason: string;
  /** Of its BadRequest. */
  readonly fields: readonly string[];
  /** What became of items that were refused by themselves, in a stream of items. */
  readonly faults: readonly Pick<RecordFault, "code" | "reason">[];
}

export interface RawCaller {
  /** `token`: unset for nobody. */
  call(stack: Stack, method: DescMethod, body: Uint8Array, token?: string): Promise<Answer>;
  close(): void;
}

const SUCCESS: Answer = { code: 0, message: "", reason: "", fields: [], faults: [] };

/** gRPC and binary Connect go over HTTP/2, JSON over HTTP/1.1, or HTTP/2 where both sides stream. */
export function openRawCaller(url: string): RawCaller {
  const [http1, grpc, http2] = [openHttp1(url), openHttp2(url), openHttp2(url)];
  return {
    async call(stack, method, body, token) {
      const streams = stack === "gRPC" || method.methodKind !== "unary";
      const posted: Posted = {
        path: `/${method.parent.typeName}/${method.name}`,
        headers: {
          "content-type": contentType(stack, streams),
          ...(stack === "gRPC" && { te: "trailers" }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: streams ? enveloped(body) : body,
        isEnough: (got) => isEndless(method) && framesIn(got).length > 0,
      };
      if (overHttp1(stack, method)) return readConnect(stack, method, await http1.post(posted));
      if (isEndless(method)) return readHttp2(stack, method, await postAlone(url, posted));
      return readHttp2(stack, method, await (stack === "gRPC" ? grpc : http2).post(posted));
    },
    close() {
      for (const poster of [http1, grpc, http2]) poster.close();
    },
  };
}

/**
 * On a connection of its own: endless answers are left by a reset, and a server cuts connections on which there are too many of those
 * (CVE-2023-44487).
 */
async function postAlone(url: string, posted: Posted): Promise<Returned> {
  const poster = openHttp2(url);
  try {
    return await poster.post(posted);
  } finally {
    poster.close();
  }
}

const readHttp2 = (stack: Stack, method: DescMethod, returned: Returned) =>
  stack === "gRPC" ? readGrpc(method, returned) : readConnect(stack, method, returned);

const overHttp1 = (stack: Stack, { methodKind }: DescMethod) =>
  stack === "Connect, JSON" && methodKind !== "bidi_streaming";

/** Subscriptions, watches, and what takes long: their first frame is a success. */
const ENDLESS = new Set(["Subscribe", "Watch", "WatchGraph", "RebuildProjection", "VerifyProjection"]);
const isEndless = ({ name }: DescMethod) => ENDLESS.has(name);

function contentType(stack: Stack, streams: boolean): string {
  if (stack === "gRPC") return "application/grpc";
  const format = stack === "Connect, JSON" ? "json" : "proto";
  return streams ? `application/connect+${format}` : `application/${format}`;
}

/** Flags, length, message. */
function enveloped(body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

interface Frame {
  readonly flags: number;
  readonly message: Buffer;
}

function framesIn(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (end > body.length) break;
    frames.push({ flags: body.readUInt8(at), message: body.subarray(at + 5, end) });
    at = end;
  }
  return frames;
}

function readGrpc(method: DescMethod, { headers, body }: Returned): Answer {
  const status = headers["grpc-status"];
  if (status === undefined && framesIn(body).length === 0) throw new Error("an answer without a status");
  const faults = faultsIn(method, framesIn(body), (message) => fromBinary(RecordMemoriesResponseSchema, message));
  const code = Number(status ?? 0);
  if (code === 0) return { ...SUCCESS, faults };
  const message = decodeURIComponent(String(headers["grpc-message"] ?? ""));
  const packed = headers["grpc-status-details-bin"];
  const details = packed === undefined ? [] : fromBinary(StatusSchema, base64Decode(String(packed))).details;
  return { code, message, faults, ...readDetails(details.map(({ typeUrl, value }) => [typeUrl, value])) };
}

interface JsonError {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

const END_OF_STREAM = 2;

function readConnect(stack: Stack, method: DescMethod, { status, body }: Returned): Answer {
  if (method.methodKind === "unary") return status === 200 ? SUCCESS : readError(JSON.parse(body.toString()));
  if (status !== 200) throw new Error(`a stream was answered ${status}`);
  const frames = framesIn(body);
  const messages = frames.filter(({ flags }) => flags !== END_OF_STREAM);
  const faults = faultsIn(method, messages, (message) =>
    stack === "Connect, JSON"
      ? fromJsonString(RecordMemoriesResponseSchema, message.toString())
      : fromBinary(RecordMemoriesResponseSchema, message),
  );
  const end = frames.find(({ flags }) => flags === END_OF_STREAM);
  if (end === undefined && !isEndless(method)) throw new Error("a stream without an end");
  const { error } = JSON.parse(end?.message.toString() || "{}") as { error?: JsonError };
  return error === undefined ? { ...SUCCESS, faults } : { ...readError(error), faults };
}

function faultsIn(
  method: DescMethod,
  frames: readonly Frame[],
  read: (message: Buffer) => RecordMemoriesResponse,
): RecordFault[] {
  if (method.output.typeName !== RecordMemoriesResponseSchema.typeName) return [];
  const results = frames.flatMap(({ message }) => read(message).results);
  return results.flatMap(({ outcome }) => (outcome.case === "fault" ? [outcome.value] : []));
}

function readError({ code = "", message = "", details = [] }: JsonError): Answer {
  const name = code.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof typeof Code;
  const unpacked = details.map(({ type, value }) => [type, base64Decode(value)] as const);
  return { code: Code[name] ?? -1, message, faults: [], ...readDetails(unpacked) };
}

function readDetails(details: readonly (readonly [type: string, value: Uint8Array])[]) {
  const named = (name: string) => details.find(([type]) => type.endsWith(name))?.[1];
  const [info, fault] = [named(ErrorInfoSchema.typeName), named(BadRequestSchema.typeName)];
  return {
    reason: info === undefined ? "" : fromBinary(ErrorInfoSchema, info).reason,
    fields: fault === undefined ? [] : fromBinary(BadRequestSchema, fault).fieldViolations.map(({ field }) => field),
  };
}
