// What a Node program does with COS: it records, it listens, and it works as a member of a durable consumer.
//
// usage: node example.js record|subscribe|consume [MODULE [COUNT]]
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

// Where the conductor is, and who calls. (Off this machine: grpc.credentials.createSsl(), and a token.)
const { COS_CONDUCTOR_ADDRESS: address = "localhost:50051", COS_TOKEN: token } = process.env;
const metadata = new grpc.Metadata();
if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);

// The contracts are read as they are. 64-bit numbers are strings, as in JSON.
const services = ["cos/conductor/v1/conductor_service.proto", "cos/highway/v1/highway_service.proto"];
const definition = protoLoader.loadSync(services, {
  includeDirs: [fileURLToPath(new URL("../../proto", import.meta.url))],
  defaults: true,
  longs: String,
  enums: String,
  oneofs: true,
});
const { cos } = grpc.loadPackageDefinition(definition);

// A server that comes back is found within seconds; pings notice a connection that was cut without a word.
const connection = [
  address,
  grpc.credentials.createInsecure(),
  {
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5_000,
    "grpc.keepalive_time_ms": 20_000,
  },
];
const conductor = new cos.conductor.v1.ConductorService(...connection);
const highway = new cos.highway.v1.HighwayService(...connection);

// What passes: nobody was there, the answer was lost, or the member was given up for dead. docs/errors.md has all reasons.
const PASSES = new Set([grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED, grpc.status.ABORTED]);

// A member that comes back by its own name takes up at once what it held.
const member = randomUUID();

const stopping = new AbortController();

/** Calls again and again while the mesh is away, until there is an answer; waits longer and longer, with chance. */
async function persist(call) {
  for (let waitMs = 100; !stopping.signal.aborted; ) {
    const beganMs = performance.now();
    try {
      return await call();
    } catch (error) {
      if (!PASSES.has(error.code)) throw error;
      console.error(`lost: ${grpc.status[error.code]}`);
    }
    waitMs = performance.now() - beganMs > 5_000 ? 100 : Math.min(waitMs * 2, 5_000);
    await delay(waitMs * (0.5 + Math.random() / 2), undefined, { signal: stopping.signal }).catch(() => {});
  }
}

/** One call and its answer. */
const ask = (client, method, request) =>
  new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 10_000 };
    client[method](request, metadata, options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });

/** A duration of a message, in milliseconds; 0 where it is unset. */
const milliseconds = (duration) => Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1e6;

/** Records some memories. The key makes it safe to call again: nothing is ever recorded twice. */
async function record(module, count) {
  for (let n = 1; n <= count; n += 1) {
    const memory = { module, eventType: "note", source: "node", text: `Hello from Node, ${n}` };
    const request = { memory, idempotencyKey: `node-${n}` };
    const answer = await persist(() => ask(conductor, "recordMemory", request));
    console.log(`${module}/${answer.memory.position} ${answer.deduplicated ? "was there" : "recorded"}`);
  }
}

/**
 * Listens from where it stopped last: a file keeps the cursor. (Kept in one transaction with what you do with the events, it would give
 * exactly-once effect.)
 */
async function subscribe(module) {
  const file = `cursor-${module}.json`;
  // Position 0 is the place before the first memory.
  let place = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { module, position: "0" };
  const move = ({ after, cursor, events = [] }) => {
    // Each frame says from where to where it leads: that proves that nothing is missing and nothing comes twice.
    if (after !== place.position) throw new Error(`a gap: it goes on above ${after}, not above ${place.position}`);
    for (const { memory } of events) console.log(`${module}/${memory.position} ${memory.text}`);
    writeFileSync(`${file}.new`, JSON.stringify(cursor));
    renameSync(`${file}.new`, file);
    place = cursor;
  };
  const listen = async () => {
    const stream = conductor.subscribe({ modules: [module], cursors: [place] }, metadata);
    for await (const { batch, started, checkpoint, goAway } of stream) {
      if (batch) move(batch);
      for (const progress of (started ?? checkpoint)?.progress ?? []) move(progress);
      if (goAway) await delay(milliseconds(goAway.retryAfter));
    }
  };
  for (;;) await persist(listen);
}

/** Works as a member of a durable consumer, whose place the mesh keeps: start it twice, and both share the work. */
async function consume(module) {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stopping.abort());
  const name = `example-${module.replaceAll("_", "-")}`;
  const consumer = { name, modules: [module], key: "KEY_SOURCE", lease: { seconds: 6 } };
  await persist(() => ask(highway, "createConsumer", { consumer, fromBeginning: true }));
  while (!stopping.signal.aborted) await persist(() => work(name));
}

/** One stream of a member. Ctrl-C finishes what is at work, settles it, and takes leave. */
async function work(consumer) {
  const stream = highway.consume(metadata);
  stream.write({ join: { consumer, member } });
  // One at a time: after one that fails, what follows of its key waits for it. (With more in hand: docs/consumers.md, rule 1.)
  stream.write({ credit: { events: 1 } });
  // A sign of life: a silence of the lease would cost it its work.
  const alive = setInterval(() => stream.write({ credit: { events: 0 } }), 2_000);
  let isWorking = false;
  const leave = () => {
    if (isWorking || stream.writableEnded) return;
    clearInterval(alive);
    stream.end({ leave: {} });
  };
  stopping.signal.addEventListener("abort", leave);
  try {
    for await (const { deliveries, goAway } of stream) {
      // What comes after we left goes to others.
      if (stream.writableEnded) continue;
      isWorking = true;
      for (const delivery of deliveries?.deliveries ?? []) {
        const { module, position } = delivery.event.memory;
        const settle = { module, positions: [position], generation: deliveries.generation };
        const outcome = await handle(delivery).catch(failed);
        stream.write({ settle: { ...settle, ...outcome } });
        stream.write({ credit: { events: 1 } });
      }
      isWorking = false;
      if (goAway) await delay(milliseconds(goAway.retryAfter));
      if (stopping.signal.aborted) leave();
    }
  } finally {
    clearInterval(alive);
    stopping.signal.removeEventListener("abort", leave);
  }
}

function failed({ message }) {
  return { outcome: "OUTCOME_RETRY", error: String(message).slice(0, 2000) };
}

/** The work. It may come again for the same event: (module, position) recognises that. */
async function handle({ event: { memory }, attempt }) {
  console.log(`${memory.module}/${memory.position} done, try ${attempt}`);
}

const [what, module = "cc", count = "5"] = process.argv.slice(2);
await { record, subscribe, consume }[what](module, Number(count));
conductor.close();
highway.close();
