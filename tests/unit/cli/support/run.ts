import { PassThrough, Readable, Writable } from "node:stream";
import { runCli } from "#services/cli/run-cli.ts";
import type { OpenTransport, Terminal } from "#services/cli/terminal.ts";

/** A stream that keeps what is written to it. */
export class Sink extends Writable {
  text = "";
  readonly isTTY: boolean;
  readonly columns: number;
  onText: (text: string) => void = () => undefined;

  constructor(isTTY = false, columns = 80) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.columns = columns;
  }

  override _write(chunk: Buffer | string, _encoding: string, done: (error?: Error | null) => void): void {
    this.text += chunk.toString();
    this.onText(this.text);
    done();
  }
}

export interface RunOptions {
  readonly transport?: OpenTransport;
  readonly stdin?: string | Buffer | Readable;
  readonly env?: Record<string, string>;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly stdout?: Writable;
  readonly signal?: AbortSignal;
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly addresses: readonly string[];
}

/** Runs the command in this process, as a terminal or a pipe would. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out = new Sink(options.isTTY, options.columns);
  const err = new Sink(options.isTTY, options.columns);
  out.onText = options.onStdout ?? (() => undefined);
  err.onText = options.onStderr ?? (() => undefined);
  const addresses: string[] = [];
  const terminal: Terminal = {
    stdin: toReadable(options.stdin),
    stdout: options.stdout ?? out,
    stderr: err,
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    openTransport: (address) => {
      addresses.push(address);
      if (options.transport === undefined) throw new Error("this command was not expected to connect");
      return Promise.resolve(options.transport);
    },
    userName: () => "samuel",
  };
  const exitCode = await runCli(argv, terminal);
  return { exitCode, stdout: out.text, stderr: err.text, addresses };
}

function toReadable(given: RunOptions["stdin"]): Readable {
  if (given instanceof Readable) return given;
  return given === undefined ? new PassThrough() : Readable.from([Buffer.from(given)]);
}
