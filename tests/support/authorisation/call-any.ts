import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { type DescMethod, fromBinary, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { RecordMemoriesResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Caller } from "./callers.ts";

/** A server over TLS. */
export interface Target {
  readonly address: string;
  /** The certificate of its authority, PEM. */
  readonly ca: string;
}

/** How a call was answered: a code of gRPC, 0 for success, and the message of a refusal. */
export interface Answered {
  readonly code: number;
  readonly message: string;
}

const DEADLINE_MS = 20_000;

/** A caller's calls over native gRPC, on one connection. */
export function overGrpc({ address, ca }: Target, caller: Caller) {
  const { credential } = caller;
  const [key, cert] =
    credential.kind === "certificate" ? [Buffer.from(credential.key), Buffer.from(credential.cert)] : [null, null];
  const client = new Client(address, credentials.createSsl(Buffer.from(ca), key, cert), {
    // grpc-js asks for no address by its number.
    "grpc.ssl_target_name_override": "localhost",
  });
  const call = (method: DescMethod, request: JsonObject): Promise<Answered> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      if (credential.kind === "token") metadata.set("authorization", `Bearer ${credential.secret}`);
      const rpc = client.makeBidiStreamRequest(
        `/${method.parent.typeName}/${method.name}`,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        metadata,
        { deadline: Date.now() + DEADLINE_MS },
      );
      rpc.on("data", (bytes: Buffer) => {
        resolve(answerIn(method, bytes));
        rpc.cancel();
      });
      rpc.on("error", () => {});
      rpc.on("status", ({ code, details }) => resolve({ code, message: details }));
      rpc.write(Buffer.from(toBinary(method.input, fromJson(method.input, request))));
      if (method.methodKind !== "bidi_streaming") rpc.end();
    });
  return { call, close: () => client.close() };
}

/** The first message of an answer: success, unless it tells of a fault of the one item that was sent. */
function answerIn(method: DescMethod, bytes: Uint8Array): Answered {
  if (method.output.typeName !== RecordMemoriesResponseSchema.typeName) return { code: 0, message: "" };
  const { outcome } = fromBinary(RecordMemoriesResponseSchema, bytes).results[0] ?? {};
  return outcome?.case === "fault" ? answeredOf(outcome.value) : { code: 0, message: "" };
}

function answeredOf({ code, message }: Answered): Answered {
  return { code, message };
}

const CODES: Readonly<Record<string, number>> = {
  invalid_argument: 3,
  not_found: 5,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unauthenticated: 16,
};

/** One call over Connect in JSON: on HTTP/1.1, or on HTTP/2 where both sides stream. */
export function overConnect(
  target: Target,
  { credential }: Caller,
  method: DescMethod,
  request: JsonObject,
): Promise<Answered> {
  const streams = method.methodKind !== "unary";
  const text = JSON.stringify(request);
  const sent: Sent = {
    target,
    path: `/${method.parent.typeName}/${method.name}`,
    headers: {
      "content-type": streams ? "application/connect+json" : "application/json",
      ...(credential.kind === "token" && { authorization: `Bearer ${credential.secret}` }),
    },
    body: streams ? enveloped(text) : Buffer.from(text),
    certificate: credential.kind === "certificate" ? { cert: credential.cert, key: credential.key } : {},
  };
  if (method.methodKind === "bidi_streaming") return overHttp2(sent);
  return overHttp1(sent, streams);
}

interface Sent {
  readonly target: Target;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly certificate: { readonly cert?: string; readonly key?: string };
}

function overHttp1({ target, path, headers, body, certificate }: Sent, streams: boolean): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", ca: target.ca, ...certificate, agent: false, headers };
    const outgoing = httpsRequest(`https://${target.address}${path}`, options, (response) => {
      const status = response.statusCode ?? 0;
      let got = Buffer.alloc(0);
      response.on("data", (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
        const answered = streams ? firstFrame(got) : undefined;
        if (answered === undefined) return;
        resolve(answered);
        response.destroy();
      });
      response.on("end", () => resolve(wholeAnswer(got, status)));
      response.on("error", () => {});
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function overHttp2({ target, path, headers, body, certificate }: Sent): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://${target.address}`, { ca: target.ca, ...certificate });
    session.on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    let got = Buffer.alloc(0);
    const settle = (answered: Answered | undefined) => {
      if (answered === undefined) return;
      resolve(answered);
      session.destroy();
    };
    stream.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      settle(firstFrame(got));
    });
    stream.on("end", () => settle({ code: -1, message: "no frame" }));
    stream.on("error", reject);
    stream.write(body);
  });
}

function wholeAnswer(body: Buffer, status: number): Answered {
  return status === 200 ? { code: 0, message: "" } : refusalIn(JSON.parse(body.toString()));
}

function refusalIn({ code = "", message = "" }: { code?: string; message?: string }): Answered {
  return { code: CODES[code] ?? -1, message };
}

interface JsonFrame {
  /** The end of a stream. */
  readonly error?: { readonly code?: string; readonly message?: string };
  /** An answer of RecordMemories. */
  readonly results?: readonly { readonly fault?: Answered }[];
}

/** The first frame of a Connect stream: a message, or its end with or without an error. */
function firstFrame(got: Buffer): Answered | undefined {
  if (got.length < 5 || got.length < 5 + got.readUInt32BE(1)) return undefined;
  const { error, results } = JSON.parse(got.toString("utf8", 5, 5 + got.readUInt32BE(1))) as JsonFrame;
  if (error !== undefined) return refusalIn(error);
  const fault = results?.[0]?.fault;
  return fault === undefined ? { code: 0, message: "" } : answeredOf(fault);
}

/** Flags, length, message: https://connectrpc.com/docs/protocol#streaming-rpcs */
function enveloped(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}
