// What a page does with COS: Connect-Web, straight to the conductor. Bundled for a real browser.

import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";

export interface PageReport {
  readonly error?: string;
  readonly requestId?: string | null;
  readonly refusal?: string;
  readonly heard?: readonly number[];
}

type Protocol = "connect" | "grpc-web";

/** Records two memories, hears them in a stream, and resumes it by its cursor. */
async function recordAndSubscribe(
  baseUrl: string,
  protocol: Protocol,
  module: string,
  token: string,
): Promise<PageReport> {
  const open = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  const withToken: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const options = { baseUrl, interceptors: [withToken], ...(protocol === "connect" && { useHttpGet: true }) };
  const client = createClient(ConductorService, open(options));
  const record = (text: string, onHeader: (headers: Headers) => void = () => {}) =>
    client.recordMemory({ memory: { module, eventType: "note", source: "browser", text } }, { onHeader });
  try {
    let requestId: string | null = null;
    await record("one", (headers) => {
      requestId = headers.get("x-request-id");
    });
    const heard: number[] = [];
    const leaving = new AbortController();
    const start = { case: "fromBeginning", value: true } as const;
    for await (const { frame } of client.subscribe({ modules: [module], start }, { signal: leaving.signal })) {
      if (frame.case === "caughtUp") await record("two");
      if (frame.case !== "batch") continue;
      heard.push(...frame.value.events.map(({ body }) => Number(body.value?.position)));
      if (heard.length === 2) break;
    }
    leaving.abort();
    const { memory } = await client.getMemory({ module, position: 2n });
    const refusal = await record("").catch((error: unknown) => ConnectError.from(error).code);
    return { requestId, heard, refusal: memory?.text === "two" ? Code[refusal as Code] : "the read was wrong" };
  } catch (error) {
    return { error: String(error) };
  }
}

Object.assign(globalThis, { recordAndSubscribe });
