import { connect, type Socket } from "node:net";

export interface Exchange {
  /** All that came, as Latin-1, so that bytes can be searched. */
  readonly text: string;
  /** Whether the server ended the connection. */
  readonly closed: boolean;
}

/** Sends these bytes and takes what comes, until the server closes the connection or `waitMs` are over. */
export function exchange(port: number, bytes: string | Uint8Array, waitMs = 4_000): Promise<Exchange> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    const end = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    const timer = setTimeout(() => end(false), waitMs);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("close", () => end(true));
    // A reset is a way of closing, too.
    socket.on("error", () => {});
    socket.write(bytes);
  });
}

/** A connection that is opened and then left alone. */
export function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** The first bytes of an HTTP/2 connection. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** One HTTP/2 frame (RFC 9113, 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
