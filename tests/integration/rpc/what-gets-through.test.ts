import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Metadata } from "@grpc/grpc-js";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { GetMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { accessExpired } from "#shared/auth/refusals.ts";
import { credentialsOf } from "#shared/rpc/credentials-of.ts";
import { REQUEST_KEY } from "#shared/rpc/request-watch.ts";
import { accessWith, EVERYTHING, gateFor, TOKEN, WITH_TOKEN } from "#tests/support/rpc/callers.ts";
import { clientOver, closeServed, failureOf, STACKS, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(async () => {
  jest.restoreAllMocks();
  await closeServed();
});

const GET = "/cos.conductor.v1.ConductorService/GetMemory";
/** As gRPC sends it: a length of two bytes, then `position: 1`. */
const BODY = Buffer.concat([
  Buffer.from([0, 0, 0, 0, 2]),
  toBinary(GetMemoryRequestSchema, create(GetMemoryRequestSchema, { position: 1n })),
]);
const AUTHORIZATION = `Bearer ${TOKEN}`;

/** A request by HTTP/1.1 itself, so that what turns up of its headers in this process is the server's. */
function post(port: number, headers: Record<string, string>): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const options = { port, host: "127.0.0.1", method: "POST", path: GET, agent: false };
  const type = { "content-type": "application/json", authorization: AUTHORIZATION };
  httpRequest({ ...options, headers: { ...type, ...headers } }, (response) => {
    response.resume().on("end", () => resolve(response.statusCode));
  })
    .on("error", reject)
    .end('{"position":"1"}');
  return promise;
}

/** An open native gRPC request that has sent its headers. */
function openGrpc(port: number) {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": GET,
    "content-type": "application/grpc",
    authorization: AUTHORIZATION,
  });
  const status = new Promise<unknown>((resolve) => {
    stream.on("response", (headers) => headers["grpc-status"] !== undefined && resolve(headers["grpc-status"]));
    stream.on("trailers", (headers) => resolve(headers["grpc-status"]));
    stream.on("close", () => resolve("closed"));
  });
  stream.resume().on("close", () => session.close());
  return { stream, status };
}

describe("the token", () => {
  test("is taken out of the headers", () => {
    const headers = { authorization: AUTHORIZATION, host: "h" };
    expect(credentialsOf(headers, undefined as Socket | undefined)).toMatchObject({ authorization: AUTHORIZATION });
    expect(headers).toEqual({ host: "h" });
  });

  test("is in nothing that native gRPC is given of a request", async () => {
    const read = jest.spyOn(Metadata, "fromHttp2Headers");
    const { port } = await serve({}, gateFor(accessWith(EVERYTHING)));
    const { stream, status } = openGrpc(port);
    stream.end(BODY);
    expect(await status).toBe("0");
    expect(read).toHaveBeenCalled();
    for (const [headers] of read.mock.calls) expect(Object.values(headers)).not.toContain(AUTHORIZATION);
  });

  test("is in nothing that Connect's handlers are given of a request", async () => {
    const get = jest.spyOn(Headers.prototype, "get");
    const { port } = await serve({}, gateFor(accessWith(EVERYTHING)));
    expect(await post(port, {})).toBe(200);
    // The call itself asks its headers for this.
    const asked = get.mock.contexts.filter((_, n) => get.mock.calls[n]?.[0] === REQUEST_KEY) as Headers[];
    expect(asked).toHaveLength(1);
    expect([...(asked[0] as Headers).keys()]).not.toContain("authorization");
  });
});

test("a caller over HTTP/1.1 cannot take another's request for its own, nor make its caller nobody", async () => {
  const access = accessWith(EVERYTHING);
  const { letIn, shown } = gateFor(access);
  const callers: unknown[] = [];
  const getMemory = async (_: unknown, context: CallContext) => {
    callers.push(context.access);
    return {};
  };
  const { port } = await serve({ getMemory }, { letIn });
  const { stream, status } = openGrpc(port);
  await until(() => shown.length === 1);
  for (const number of ["0", "1", "2"]) expect(await post(port, { [REQUEST_KEY]: number })).toBe(200);
  stream.end(BODY);
  expect(await status).toBe("0");
  expect(callers).toHaveLength(4);
  for (const caller of callers) expect(caller).toBe(access);
});

describe.each(STACKS)("over %s", (stack) => {
  test("a stream of answers whose access ends has time for its last word, by the limits as they are", async () => {
    const access = accessWith(EVERYTHING);
    const served = await serve(
      {
        subscribe: async function* (_request, context) {
          yield { frame: { case: "started" as const, value: {} } };
          await new Promise<void>((resolve) => context.access.watch({ ended: () => resolve() }));
          // A hub says goodbye some turns later, and not before what it was writing is out.
          await new Promise((resolve) => setTimeout(resolve, 100));
          expect(context.signal.aborted).toBe(false);
          yield { frame: { case: "goAway" as const, value: {} } };
        },
      },
      gateFor(access),
    );
    const cases: unknown[] = [];
    const reading = (async () => {
      for await (const { frame } of clientOver(stack, served).subscribe({}, WITH_TOKEN)) {
        cases.push(frame.case);
        access.end(accessExpired());
      }
      throw new Error("over");
    })();
    expect(await failureOf(reading)).toMatchObject({ message: "over" });
    expect(cases).toEqual(["started", "goAway"]);
  });
});
