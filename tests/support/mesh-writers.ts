import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MeshClient } from "./mesh.ts";

export interface Acknowledged {
  readonly key: string;
  readonly module: string;
  readonly position: number;
  readonly id: string;
}

export interface WritersOptions {
  readonly count: number;
  readonly modules?: readonly string[];
  /** Between two memories of one writer, in milliseconds. */
  readonly pauseMs?: number;
  readonly textLength?: number;
}

export interface Writers {
  readonly acknowledged: readonly Acknowledged[];
  /** Attempts that failed and were made again, with the same key. */
  readonly retries: number;
  /** What was refused for good. */
  readonly refusals: readonly unknown[];
  /** How long the slowest acknowledged attempt since the last call of this took, in milliseconds. */
  slowestMs(): number;
  /** Lets each finish what it has in hand. */
  stop(): Promise<void>;
}

let series = 0;

/** Writers that record one memory after another, each under a key of its own, and repeat what was not acknowledged. */
export function startWriters(lend: () => MeshClient, options: WritersOptions): Writers {
  const { modules = ["cc"], pauseMs = 2, textLength = 100 } = options;
  const text = "x".repeat(textLength);
  const acknowledged: Acknowledged[] = [];
  const refusals: unknown[] = [];
  const stopping = new AbortController();
  let retries = 0;
  let slowestMs = 0;
  series += 1;
  const name = `writer-${series}`;

  const record = async ({ conductor }: MeshClient, module: string, key: string) => {
    for (;;) {
      const startMs = performance.now();
      try {
        const memory = { module, eventType: "test.written", source: name, text };
        const answer = await conductor.recordMemory({ memory, idempotencyKey: key, view: 1 }, { timeoutMs: 5_000 });
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        return { key, module, position: Number(answer.cursor?.position), id: answer.memory?.id ?? "" };
      } catch (error) {
        if (!mayPass(error)) throw error;
        retries += 1;
        await delay(50);
      }
    }
  };
  const write = async (writer: number) => {
    const client = lend();
    for (let n = 0; !stopping.signal.aborted; n += 1) {
      const module = modules[(writer + n) % modules.length] as string;
      acknowledged.push(await record(client, module, `${name}-${writer}-${n}`));
      await delay(pauseMs);
    }
  };
  const running = Array.from({ length: options.count }, (_, writer) =>
    write(writer).catch((error: unknown) => void refusals.push(error)),
  );
  return {
    acknowledged,
    refusals,
    get retries() {
      return retries;
    },
    slowestMs() {
      const slowest = slowestMs;
      slowestMs = 0;
      return slowest;
    },
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

/** What a well-behaved client repeats: nobody was there, or the connection was cut in the middle. */
function mayPass(error: unknown): boolean {
  const code = ConnectError.from(error).code;
  return [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Unknown, Code.ResourceExhausted].includes(code);
}
