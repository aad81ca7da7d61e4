// Members of consumers in one process: each settles what it is given at once, or holds it.
//
//   consume-members.ts <host:port> settle|hold <credit> <consumer>...
//
// One member of each consumer named; a name that comes twice has two. Says "joined" when all are in, and after that answers each message
// of its parent with the events given so far; of those that hold, it says "given" with the first.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { ConsumeRequestSchema, ConsumeResponseSchema, type Deliveries } from "#gen/cos/highway/v1/consuming_pb.ts";

/** A server lets a connection have 100 streams. */
const STREAMS_A_CONNECTION = 50;
const LIFE_MS = 900;

type Stream = ClientDuplexStream<Buffer, Buffer>;
type Said = Parameters<typeof create<typeof ConsumeRequestSchema>>[1];

const [address = "", manner = "", credit = "1", ...consumers] = process.argv.slice(2);
const passOn = (bytes: Buffer): Buffer => bytes;
let joined = 0;
let events = 0;

for (let n = 0; n < consumers.length; n += STREAMS_A_CONNECTION) {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  for (const consumer of consumers.slice(n, n + STREAMS_A_CONNECTION)) work(client, consumer);
}
process.on("message", () => process.send?.(events));
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => process.exit());

function work(client: Client, consumer: string): void {
  const stream: Stream = client.makeBidiStreamRequest("/cos.highway.v1.HighwayService/Consume", passOn, passOn);
  say(stream, { message: { case: "join", value: { consumer } } });
  stream.on("data", (bytes: Buffer) => {
    const { frame } = fromBinary(ConsumeResponseSchema, bytes);
    if (frame.case === "joined") begin(stream);
    if (frame.case === "deliveries") take(stream, frame.value);
  });
  stream.on("error", (error) => {
    throw error;
  });
}

function begin(stream: Stream): void {
  say(stream, { message: { case: "credit", value: { events: Number(credit) } } });
  setInterval(() => say(stream, { message: { case: "credit", value: { events: 0 } } }), LIFE_MS);
  joined += 1;
  if (joined === consumers.length) process.send?.("joined");
}

function take(stream: Stream, { deliveries }: Deliveries): void {
  if (events === 0 && manner === "hold") process.send?.("given");
  events += deliveries.length;
  if (manner === "hold") return;
  const positions = deliveries.map(({ event }) => event!.body.value!.position);
  const module = deliveries[0]!.event!.body.value!.module;
  say(stream, { message: { case: "settle", value: { module, positions } } });
  say(stream, { message: { case: "credit", value: { events: deliveries.length } } });
}

function say(stream: Stream, message: Said): void {
  stream.write(Buffer.from(toBinary(ConsumeRequestSchema, create(ConsumeRequestSchema, message))));
}
