import { Agent, request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";

/** What is posted. */
export interface Posted {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Whether what has come so far says enough; the rest of an endless answer is not waited for. */
  readonly isEnough: (body: Buffer) => boolean;
}

/** What came back. */
export interface Returned {
  readonly status: number;
  /** Headers and trailers. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Posts to one server; whatever is no answer (a reset, a cut connection, silence) rejects. */
export interface Poster {
  post(posted: Posted): Promise<Returned>;
  close(): void;
}

const SILENCE_MAX_MS = 60_000;

/** On connections of HTTP/1.1, each used again and again. */
export function openHttp1(url: string): Poster {
  const agent = new Agent({ keepAlive: true });
  return {
    post: ({ path, headers, body, isEnough }) =>
      new Promise((resolve, reject) => {
        const options = { method: "POST", agent, headers: { ...headers, "content-length": body.length } };
        const outgoing = httpRequest(`${url}${path}`, options, (response) => {
          let got = Buffer.alloc(0);
          const answer = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: got });
          response.on("data", (chunk: Buffer) => {
            got = Buffer.concat([got, chunk]);
            if (!isEnough(got)) return;
            answer();
            response.destroy();
          });
          response.on("end", answer);
          response.on("error", reject);
        });
        outgoing.setTimeout(SILENCE_MAX_MS, () => outgoing.destroy(new Error("no answer")));
        outgoing.on("error", reject);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** On one connection of HTTP/2 at a time. */
export function openHttp2(url: string): Poster {
  let session: ClientHttp2Session | undefined;
  const open = () => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(url);
      session.on("error", () => {});
    }
    return session;
  };
  return {
    post: ({ path, headers, body, isEnough }) =>
      new Promise((resolve, reject) => {
        const stream = open().request({ ":method": "POST", ":path": path, ...headers });
        let got = Buffer.alloc(0);
        let given: IncomingHttpHeaders = {};
        let isWhole = false;
        const answer = () => resolve({ status: Number(given[":status"] ?? 0), headers: given, body: got });
        stream.setTimeout(SILENCE_MAX_MS, () => stream.destroy(new Error("no answer")));
        stream.on("response", (some) => (given = { ...given, ...some }));
        stream.on("trailers", (some) => (given = { ...given, ...some }));
        stream.on("data", (chunk: Buffer) => {
          got = Buffer.concat([got, chunk]);
          if (isWhole || !isEnough(got)) return;
          isWhole = true;
          answer();
          stream.close();
        });
        stream.on("error", reject);
        stream.on("close", () =>
          stream.rstCode === 0 || given["grpc-status"] !== undefined
            ? answer()
            : reject(new Error(`reset: ${stream.rstCode}`)),
        );
        stream.end(body);
      }),
    close: () => session?.destroy(),
  };
}
