import { PassThrough, Readable, Writable } from "node:stream";
import { runCli } from "#services/cli/run-cli.ts";
import type { ConnectionTarget, OpenTransport, ProcessEvents, Terminal } from "#services/cli/terminal.ts";

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
  /** Instead of `transport`: the real thing. */
  readonly openTransport?: (target: ConnectionTarget) => OpenTransport;
  readonly stdin?: string | Buffer | Readable;
  readonly env?: Record<string, string>;
  /** The repository's folder. Unset: one that cannot be there. */
  readonly root?: string;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly stdout?: Writable;
  readonly signal?: AbortSignal;
  readonly processEvents?: ProcessEvents;
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly addresses: readonly string[];
  readonly targets: readonly ConnectionTarget[];
}

/** Runs the command in this process, as a terminal or a pipe would. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out = new Sink(options.isTTY, options.columns);
  const err = new Sink(options.isTTY, options.columns);
  out.onText = options.onStdout ?? (() => undefined);
  err.onText = options.onStderr ?? (() => undefined);
  const targets: ConnectionTarget[] = [];
  const terminal: Terminal = {
    // A person's terminal is one in both directions.
    stdin: Object.assign(toReadable(options.stdin), { isTTY: options.isTTY === true }),
    stdout: options.stdout ?? out,
    stderr: err,
    env: options.env ?? {},
    root: options.root ?? "/dev/null/nowhere",
    signal: options.signal ?? new AbortController().signal,
    openTransport: (target) => {
      targets.push(target);
      const transport = options.openTransport?.(target) ?? options.transport;
      if (transport === undefined) throw new Error("this command was not expected to connect");
      return Promise.resolve(transport);
    },
    userName: () => "samuel",
    processEvents: options.processEvents ?? { suspend: () => undefined, listen: () => () => undefined },
  };
  const exitCode = await runCli(argv, terminal);
  const addresses = targets.map(({ address }) => address);
  return { exitCode, stdout: out.text, stderr: err.text, addresses, targets };
}

function toReadable(given: RunOptions["stdin"]): Readable {
  if (given instanceof Readable) return given;
  return given === undefined ? new PassThrough() : Readable.from([Buffer.from(given)]);
}
