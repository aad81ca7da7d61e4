import { Code, type ConnectError } from "@connectrpc/connect";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { fromGrpcStatus } from "#shared/rpc/from-grpc-status.ts";
import type { Mesh } from "./mesh.ts";

/** What a refused call says of itself, whichever way it was made. */
export interface Refusal {
  /** `InvalidArgument`; `OK` if it was not refused. */
  readonly code: string;
  readonly reason: string;
  readonly fields: readonly string[];
}

const ACCEPTED: Refusal = { code: "OK", reason: "", fields: [] };

/** Where a service is reached. */
type At = Pick<Mesh, "address" | "url">;

/** Sends a message, or just bytes, over native gRPC. */
export async function sendOverGrpc(mesh: At, path: string, bytes: Uint8Array): Promise<Refusal> {
  const client = new Client(mesh.address, credentials.createInsecure());
  const asIs = (given: Buffer) => given;
  try {
    return await new Promise<Refusal>((resolve) => {
      const call = client.makeServerStreamRequest(`/${path}`, asIs, asIs, Buffer.from(bytes));
      // A stream is taken as accepted with its first frame.
      call.on("data", () => call.cancel());
      call.on("error", (error: ServiceError) =>
        resolve(error.code === 1 ? ACCEPTED : refusalOf(fromGrpcStatus(error))),
      );
      call.on("end", () => setImmediate(() => resolve(ACCEPTED)));
    });
  } finally {
    client.close();
  }
}

/** What a client's error says. */
export function refusalOf(error: ConnectError): Refusal {
  return {
    code: Code[error.code],
    reason: reasonOf(error) ?? "",
    fields: fieldsOf(error).map(({ field }) => field),
  };
}

interface JsonRefusal {
  readonly code: string;
  readonly details?: { readonly debug?: { reason?: string; fieldViolations?: { field?: string }[] } }[];
}

/** Sends a body in JSON over Connect; as one enveloped message where the method streams. */
export async function sendOverConnect(mesh: At, path: string, body: string, streams = false): Promise<Refusal> {
  const answer = await fetch(`${mesh.url}/${path}`, {
    method: "POST",
    headers: { "content-type": streams ? "application/connect+json" : "application/json" },
    body: streams ? enveloped(body) : body,
  });
  if (!streams) return answer.ok ? ACCEPTED : readRefusal((await answer.json()) as JsonRefusal);
  const [frame] = await firstChunk(answer);
  const { error } = frame as { error?: JsonRefusal };
  return error === undefined ? ACCEPTED : readRefusal(error);
}

function readRefusal({ code, details = [] }: JsonRefusal): Refusal {
  return {
    code: code.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    reason: details.find(({ debug }) => debug?.reason !== undefined)?.debug?.reason ?? "",
    // (JSON leaves out what is empty: a rule of the whole message.)
    fields: details.flatMap(({ debug }) => debug?.fieldViolations ?? []).map(({ field = "" }) => field),
  };
}

/** Flags, length, message: https://connectrpc.com/docs/protocol#streaming-rpcs */
function enveloped(body: string): Uint8Array<ArrayBuffer> {
  const message = new TextEncoder().encode(body);
  const whole = new Uint8Array(5 + message.length);
  new DataView(whole.buffer).setUint32(1, message.length);
  whole.set(message, 5);
  return whole;
}

async function firstChunk(answer: Response): Promise<unknown[]> {
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const { value = new Uint8Array(5) } = await reader.read();
  await reader.cancel();
  const length = new DataView(value.buffer, value.byteOffset).getUint32(1);
  return [JSON.parse(new TextDecoder().decode(value.subarray(5, 5 + length)))];
}
