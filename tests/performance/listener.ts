// A subscriber in a process of its own, which tells how old each event is when it arrives.
//
//   listener.ts <host:port> <module>
//
// An event's text is the moment its recording was asked for, in nanoseconds of the monotonic clock, which all processes
// of a machine share. To each message of its parent, how many events to wait for, it answers with their ages.
import { createClient } from "@connectrpc/connect";
import { ConductorService, type SubscribeResponse } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";

const [address = "", module = ""] = process.argv.slice(2);
const transport = openTransport({ address });
const conductor = createClient(ConductorService, transport);
let ages: number[] = [];
let wanted = Number.POSITIVE_INFINITY;

process.on("message", (count: number) => {
  wanted = count;
  tellWhenThere();
});
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => process.exit());
for await (const { frame } of conductor.subscribe({ modules: [module] })) {
  if (frame.case === "started") process.send?.("subscribed");
  if (frame.case === "batch") note(frame.value);
}

function note({ events }: Extract<SubscribeResponse["frame"], { case: "batch" }>["value"]): void {
  const now = process.hrtime.bigint();
  for (const { body } of events) {
    if (body.case === "memory") ages.push(Number(now - BigInt(body.value.text)) / 1e6);
  }
  tellWhenThere();
}

function tellWhenThere(): void {
  if (ages.length < wanted) return;
  process.send?.(ages);
  ages = [];
  wanted = Number.POSITIVE_INFINITY;
}
