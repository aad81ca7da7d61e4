// Many subscribers in one process, which only count: what they cost themselves is not measured.
//
//   crowd.ts <host:port> <module> <subscribers> [token]
//
// Answers each message of its parent with the frames of events that have come so far, over all subscribers.
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";

/** The field of a Batch in SubscribeResponse: its number 2, length-delimited. */
const BATCH_TAG = 0x12;
/** A server lets a connection have 100 streams. */
const STREAMS_A_CONNECTION = 50;

const [address = "", module = "", subscribers = "1", token = ""] = process.argv.slice(2);
const request = Buffer.from(toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, { modules: [module] })));
const passOn = (bytes: Buffer): Buffer => bytes;
const metadata = new Metadata();
if (token !== "") metadata.set("authorization", `Bearer ${token}`);
const streams = Number(subscribers);
let started = 0;
let frames = 0;

for (let n = 0; n < streams; n += STREAMS_A_CONNECTION) {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  for (let of = n; of < Math.min(n + STREAMS_A_CONNECTION, streams); of += 1) subscribe(client);
}
process.on("message", () => process.send?.(frames));
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => process.exit());

function subscribe(client: Client): void {
  const path = "/cos.conductor.v1.ConductorService/Subscribe";
  const stream = client.makeServerStreamRequest(path, passOn, passOn, request, metadata);
  stream.once("data", () => {
    started += 1;
    if (started === streams) process.send?.("subscribed");
  });
  stream.on("data", (bytes: Buffer) => {
    if (bytes[0] === BATCH_TAG) frames += 1;
  });
  stream.on("error", (error) => {
    throw error;
  });
}
