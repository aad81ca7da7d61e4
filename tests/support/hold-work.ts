// A member that takes one event and holds it: hold-work.ts <host:port> <consumer>. Says "joined", then "given".
import { createClient } from "@connectrpc/connect";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";

const [address = "", consumer = ""] = process.argv.slice(2);
const highway = createClient(HighwayService, openTransport({ address }));

async function* said() {
  yield { message: { case: "join" as const, value: { consumer } } };
  yield { message: { case: "credit" as const, value: { events: 1 } } };
  await new Promise(() => undefined);
}

for await (const { frame } of highway.consume(said())) {
  if (frame.case === "joined") process.stdout.write("joined\n");
  if (frame.case === "deliveries") process.stdout.write("given\n");
}
