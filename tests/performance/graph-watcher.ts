// Somebody who watches the graph, in a process of its own, and tells how old each memory's node is when it arrives.
//
//   graph-watcher.ts <host:port> <module> <position>
//
// It waits until the graph has come to the position. A node's name begins with the moment its recording was asked for, in nanoseconds of
// the monotonic clock, which all processes of a machine share. To each message of its parent, how many nodes to wait for, it answers with their ages.
import { createClient } from "@connectrpc/connect";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import type { GraphChanges } from "#gen/cos/graph/v1/watch_pb.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";

const [address = "", module = "", position = "0"] = process.argv.slice(2);
const transport = openTransport({ address });
const graph = createClient(GraphService, transport);
let ages: number[] = [];
let wanted = Number.POSITIVE_INFINITY;

process.on("message", (count: number) => {
  wanted = count;
  tellWhenThere();
});
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => process.exit());
await graph.getProjection({ module, atLeast: { module, position: BigInt(position) } });
for await (const { frame } of graph.watchGraph({ module })) {
  if (frame.case === "started") process.send?.("watching");
  if (frame.case === "changes") note(frame.value);
}

function note({ nodes }: GraphChanges): void {
  const now = process.hrtime.bigint();
  for (const { position, name } of nodes) {
    if (position > 0n) ages.push(Number(now - BigInt(name.split(" ")[0] as string)) / 1e6);
  }
  tellWhenThere();
}

function tellWhenThere(): void {
  if (ages.length < wanted) return;
  process.send?.(ages);
  ages = [];
  wanted = Number.POSITIVE_INFINITY;
}
