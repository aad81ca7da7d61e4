// What a peer can do to the port with bytes alone, by a process of its own with its own limits. Counted are refusals and bytes, never
// times. (tests/integration/rpc/hostile-peers.test.ts has the limits one by one.)
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { brotliCompressSync, gzipSync, constants as zlib } from "node:zlib";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type AttackedMesh, openAttackedMesh } from "#tests/support/attack/attacked-mesh.ts";
import {
  type Attacker,
  CONTINUATION,
  callHeaders,
  DATA,
  END_HEADERS,
  field,
  frame,
  HEADERS,
  KEPT_LAST,
  openAttacker,
  PING,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "#tests/support/attack/h2-attacker.ts";
import { eventually } from "#tests/support/mesh-wait.ts";

jest.setTimeout(120_000);

const RECORD = "/cos.conductor.v1.ConductorService/RecordMemory";
const SUBSCRIBE = "/cos.conductor.v1.ConductorService/Subscribe";
const STREAMS_MAX = 100;
const CONNECTIONS_MAX = 2_000;
const MIB = 1024 * 1024;

let mesh: AttackedMesh;
beforeAll(async () => {
  mesh = await openAttackedMesh();
});
afterAll(() => mesh?.stop());

/** One connection that attacks, judged by what it costs; ends once `isOver`. */
async function attack(
  run: (attacker: Attacker) => Promise<unknown>,
  isOver: (attacker: Attacker) => boolean,
): Promise<Attacker> {
  const attacker = await openAttacker(mesh.port);
  try {
    return await mesh.under(async () => {
      await run(attacker);
      await eventually(() => isOver(attacker), 20_000);
      return attacker;
    });
  } finally {
    attacker.close();
  }
}

const isCut = ({ isClosed }: Attacker) => isClosed;

const nth = (turn: number) => 1 + 2 * turn;
const number = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const times = (count: number, bytes: Buffer) => Buffer.concat(Array<Buffer>(count).fill(bytes));

const call = (turn: number, path = RECORD) => frame(HEADERS, END_HEADERS, nth(turn), callHeaders(path, mesh.token));

describe("a flood of frames gets its connection cut before it is over, and others notice nothing", () => {
  const TURNS = 20_000;

  test.each<readonly [name: string, bytes: Buffer | ((turn: number) => Buffer), first?: () => Buffer]>([
    ["calls, each reset at once", (turn) => Buffer.concat([call(turn), frame(RST_STREAM, 0, nth(turn), number(8))])],
    [
      "calls, each made so that the server resets it",
      (turn) => Buffer.concat([call(turn), frame(WINDOW_UPDATE, 0, nth(turn), number(0))]),
    ],
    [
      "headers without an end",
      frame(CONTINUATION, 0, 1, times(9, field("abc", "v".repeat(100)))),
      () => frame(HEADERS, 0, 1, callHeaders(RECORD, mesh.token)),
    ],
    [
      "headers without an end that say nothing",
      times(50, frame(CONTINUATION, 0, 1)),
      () => frame(HEADERS, 0, 1, callHeaders(RECORD, mesh.token)),
    ],
    ["pings", times(50, frame(PING, 0, 0, Buffer.alloc(8)))],
    ["settings", times(50, frame(SETTINGS, 0, 0))],
    ["frames of a body that are empty", times(50, frame(DATA, 0, 1)), () => call(0)],
    ["changes of priority", times(50, frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 16])))],
  ])("%s", async (_name, bytes, first = () => Buffer.alloc(0)) => {
    let turns = TURNS;
    await attack(async (open) => {
      await open.flood(1, first());
      turns = await open.flood(TURNS, bytes);
    }, isCut);
    expect(turns).toBeLessThan(TURNS);
  });
});

describe("headers", () => {
  test("that name one large field 3,000 times are refused, and what they would be is never built", async () => {
    const many = Buffer.concat([field("x-a", "v".repeat(3_900), true), Buffer.alloc(3_000, KEPT_LAST)]);
    const attacker = await attack(
      (open) =>
        open.flood(30, (turn) =>
          frame(HEADERS, END_HEADERS, nth(turn), Buffer.concat([callHeaders(RECORD, mesh.token), many])),
        ),
      (open) => open.isClosed || open.received(RST_STREAM) === 30,
    );
    expect(attacker.received(HEADERS)).toBe(0);
  });

  test("over 16 KiB are refused on HTTP/1.1", async () => {
    const head = `POST ${RECORD} HTTP/1.1\r\nhost: localhost\r\nx-a: ${"a".repeat(17 * 1024)}\r\n\r\n`;
    expect(await mesh.under(() => exchange(head))).toMatch(/^HTTP\/1.1 431/);
  });
});

describe("calls that hold on", () => {
  /** A subscriber that never says what it wants: its message does not end. */
  const subscriber = (turn: number) =>
    Buffer.concat([call(turn, SUBSCRIBE), frame(DATA, 0, nth(turn), Buffer.from([0, 0, 0, 0, 16]))]);

  test(`one connection may have ${STREAMS_MAX} of them, and is cut with the next`, async () => {
    const answersPing = (open: Attacker) => open.received(PING) > 0;
    const attacker = await attack(
      async (open) => {
        await open.flood(STREAMS_MAX, subscriber);
        await open.flood(1, frame(PING, 0, 0, Buffer.alloc(8)));
        await eventually(() => open.isClosed || answersPing(open), 20_000);
        expect([open.isClosed, open.received(RST_STREAM)]).toEqual([false, 0]);
        await open.flood(1, () => subscriber(STREAMS_MAX));
      },
      (open) => open.isClosed || open.received(RST_STREAM) > 0,
    );
    // A stream is answered its headers at once.
    expect(attacker.received(HEADERS)).toBe(STREAMS_MAX);
  });

  test("5,000 connections that come and go, and 200 that stay with half a preface", async () => {
    await mesh.under(async () => {
      for (let round = 0; round < 50; round += 1) {
        const sockets = await Promise.all(Array.from({ length: 100 }, () => openSocket()));
        for (const socket of sockets) socket.destroy();
      }
      const held = await Promise.all(Array.from({ length: 200 }, () => openSocket()));
      for (const socket of held) socket.write("PRI * HTTP/2");
      // The server cuts them by itself, after the five seconds that a preface may take.
      await Promise.all(held.map((socket) => once(socket, "close")));
    });
  });

  test(`of ${CONNECTIONS_MAX + 50} connections 50 or more are cut without a word; when the others have gone there is room again`, async () => {
    await mesh.under(async () => {
      let cut = 0;
      const sockets: Socket[] = [];
      for (let n = 0; n < CONNECTIONS_MAX + 50; n += 1) {
        const socket = await openSocket();
        // Headers that do not end hold a connection for ten seconds.
        socket.write("POST / HTTP/1.1\r\nhost: localhost\r\n");
        // Those that are let in are told, after ten seconds, that it took too long.
        socket.resume().once("close", () => (cut += socket.bytesRead === 0 ? 1 : 0));
        sockets.push(socket);
      }
      await eventually(() => cut >= 50, 20_000);
      for (const socket of sockets) socket.destroy();
    });
  });
});

describe("a megabyte that unpacks to a gigabyte", () => {
  const gigabyte = 1024;
  const member = gzipSync(Buffer.alloc(64 * MIB));
  /** Gzip members may be strung together. */
  const gzipped = Buffer.concat(Array.from({ length: gigabyte / 64 }, () => member));
  const brotlied = brotliCompressSync(Buffer.alloc(256 * MIB), { params: { [zlib.BROTLI_PARAM_QUALITY]: 1 } });

  test.each([
    ["gzip", gzipped, "application/proto"],
    ["gzip", gzipped, "application/json"],
    ["br", brotlied, "application/proto"],
  ])("in %s over Connect is RESOURCE_EXHAUSTED (%#)", async (encoding, bomb, type) => {
    const headers = { "content-type": type, "content-encoding": encoding, authorization: `Bearer ${mesh.token}` };
    const answer = await mesh.under(async () => {
      const post = () => fetch(mesh.url + RECORD, { method: "POST", headers, body: new Uint8Array(bomb) });
      const answers = await Promise.all(Array.from({ length: 8 }, post));
      return Promise.all(answers.map(async (one) => ((await one.json()) as { code: string }).code));
    });
    expect(new Set(answer)).toEqual(new Set(["resource_exhausted"]));
  });

  test("is not unpacked for nobody, on either stack", async () => {
    const headers = { "content-type": "application/proto", "content-encoding": "gzip" };
    const body = new Uint8Array(gzipped);
    const answer = await mesh.under(() => fetch(mesh.url + RECORD, { method: "POST", headers, body }));
    expect(answer.status).toBe(401);
    const head = Buffer.concat([callHeaders(RECORD, "nobody's"), field("grpc-encoding", "gzip")]);
    const part = Buffer.concat([Buffer.from([1, 0, 15, 0, 0]), gzipped.subarray(0, 16_000)]);
    const attacker = await attack(
      (open) => open.flood(1, Buffer.concat([frame(HEADERS, END_HEADERS, 1, head), times(3, frame(DATA, 0, 1, part))])),
      (open) => open.received(HEADERS) > 0,
    );
    // The answer is its headers alone.
    expect([attacker.received(HEADERS), attacker.received(DATA)]).toEqual([1, 0]);
  });

  test("a body that announces 5 MiB is refused by its head", async () => {
    const head = `POST ${RECORD} HTTP/1.1\r\nhost: localhost:${mesh.port}\r\nauthorization: Bearer ${mesh.token}\r\ncontent-type: application/json\r\ncontent-length: ${5 * MIB}\r\n\r\n`;
    expect(await mesh.under(() => exchange(head))).toMatch(/^HTTP\/1.1 413/);
  });
});

function openSocket(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(mesh.port, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
    socket.once("connect", () => socket.off("error", reject).on("error", () => {}));
  });
}

/** What is answered to these bytes, as soon as anything is. */
async function exchange(bytes: string): Promise<string> {
  const socket = await openSocket();
  socket.write(bytes);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString();
}
