import { connect, type Socket } from "node:net";

/** HTTP/2's types of frames (RFC 9113, 6). */
export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_HEADERS = 4;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** A connection of HTTP/2 that keeps no rule but those that a test keeps for it. */
export interface Attacker {
  /** Sends the same bytes, or what is made of the turn's number, so often; gives how many turns it came to: fewer when it was cut. */
  flood(turns: number, bytes: Buffer | ((turn: number) => Buffer)): Promise<number>;
  /** How many frames of a type have come. */
  received(type: number): number;
  /** With which code the server said goodbye; undefined: it did not. */
  readonly goaway: number | undefined;
  readonly isClosed: boolean;
  close(): void;
}

/** Opens a connection and takes the server's settings, which it answers as a client has to. */
export function openAttacker(port: number): Promise<Attacker> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const counts = new Map<number, number>();
    let goaway: number | undefined;
    let rest: Buffer = Buffer.alloc(0);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const [length, type] = [rest.readUIntBE(0, 3), rest.readUInt8(3)];
        counts.set(type, (counts.get(type) ?? 0) + 1);
        if (type === GOAWAY) goaway = rest.readUInt32BE(9 + 4);
        rest = rest.subarray(9 + length);
      }
    });
    socket.write(PREFACE);
    socket.write(frame(SETTINGS, 0, 0));
    socket.once("data", () => {
      socket.off("error", reject);
      // A server that cuts an attacker is what these tests are for.
      socket.on("error", () => {});
      socket.write(frame(SETTINGS, 1, 0));
      resolve({
        flood: (turns, bytes) => flood(socket, turns, bytes),
        received: (type) => counts.get(type) ?? 0,
        get goaway() {
          return goaway;
        },
        get isClosed() {
          return socket.closed || socket.destroyed;
        },
        close: () => socket.destroy(),
      });
    });
  });
}

async function flood(socket: Socket, turns: number, bytes: Buffer | ((turn: number) => Buffer)): Promise<number> {
  for (let turn = 0; turn < turns; turn += 1) {
    if (!socket.writable) return turn;
    if (!socket.write(Buffer.isBuffer(bytes) ? bytes : bytes(turn))) await drained(socket);
  }
  return turns;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("drain", resolve);
    socket.once("close", resolve);
  });
}

/** One frame (RFC 9113, 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field as HPACK writes it (RFC 7541, 6.2), without Huffman codes; `isKept`: in the dynamic table, too. */
export function field(name: string, value: string, isKept = false): Buffer {
  return Buffer.concat([Buffer.from([isKept ? 0x40 : 0x00]), text(name), text(value)]);
}

/** The field that was kept last, in one byte (RFC 7541, 6.1). */
export const KEPT_LAST = 0x80 | 62;

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([...length, left]), bytes]);
}

/** The headers of a gRPC call. */
export function callHeaders(path: string, token: string): Buffer {
  return Buffer.concat([
    field(":method", "POST"),
    field(":scheme", "http"),
    field(":path", path),
    field(":authority", "localhost"),
    field("content-type", "application/grpc"),
    field("te", "trailers"),
    field("authorization", `Bearer ${token}`),
  ]);
}
