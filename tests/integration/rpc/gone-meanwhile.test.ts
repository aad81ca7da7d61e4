import { connect as connectHttp2, constants } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, expect, test } from "@jest/globals";
import { GetMemoryRequestSchema, SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { accessWith, EVERYTHING } from "#tests/support/rpc/callers.ts";
import { closeServed, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

const SERVICE = "/cos.conductor.v1.ConductorService";

/** A message as gRPC sends it. */
function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

test.each([
  ["a call", "GetMemory", toBinary(GetMemoryRequestSchema, create(GetMemoryRequestSchema, { position: 1n }))],
  ["a stream", "Subscribe", toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema))],
])(
  "%s that is whole, and whose caller has gone before it is known who that was, reaches no handler",
  async (...row) => {
    const [, method, message] = row;
    const access = accessWith(EVERYTHING);
    const handled: string[] = [];
    const found = Promise.withResolvers<void>();
    let asked = 0;
    const served = await serve(
      {
        getMemory: async ({ position }) => {
          handled.push(`${position}`);
          return {};
        },
        subscribe: async function* () {
          handled.push("stream");
          yield {};
        },
      },
      {
        letIn: async () => {
          asked += 1;
          if (asked === 1) await found.promise;
          return access;
        },
      },
    );
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    const ask = (path: string) =>
      session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" }).on("error", () => {});
    const gone = ask(`${SERVICE}/${method}`);
    gone.end(enveloped(message));
    await until(() => asked === 1);
    gone.close(constants.NGHTTP2_CANCEL);
    // What is sent later on the same connection is heard later: the server knows by then that the first has gone.
    await new Promise((resolve) => session.ping(resolve));
    found.resolve();
    const after = ask(`${SERVICE}/GetMemory`);
    after.end(enveloped(toBinary(GetMemoryRequestSchema, create(GetMemoryRequestSchema, { position: 2n }))));
    await until(() => handled.includes("2"));
    expect(handled).toEqual(["2"]);
    after.resume();
    await until(() => served.server.callsInFlight === 0);
    expect(access.isWatched).toBe(false);
    expect(served.lines.filter(({ code }) => code !== undefined)).toHaveLength(1);
    session.close();
  },
);
