import { create } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { SubscribeResponse } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { cursor, type Frame, frame } from "../../highway-client/frames.ts";
import type { FakeConductor } from "./fake-conductor.ts";
import { memoryAt } from "./ledger-rows.ts";

/** A stream that tests send frames into. */
export class Live {
  readonly #frames: Frame[] = [];
  #wake = Promise.withResolvers<void>();
  #error: ConnectError | undefined;
  opened = 0;

  readonly script: FakeConductor["streams"][number] = (_, signal) => this.#run(signal);

  async *#run(signal: AbortSignal): AsyncGenerator<SubscribeResponse["frame"]> {
    this.opened += 1;
    while (!signal.aborted) {
      for (const { frame: each } of this.#frames.splice(0)) yield each;
      if (this.#error !== undefined) throw this.#error;
      this.#wake = Promise.withResolvers();
      signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
      await this.#wake.promise;
    }
  }

  send(...frames: Frame[]): this {
    this.#frames.push(...frames);
    this.#wake.resolve();
    return this;
  }

  fail(error: ConnectError): this {
    this.#error = error;
    this.#wake.resolve();
    return this;
  }
}

/** A memory as the highway sends it; its log has it too. */
export function recorded(fake: FakeConductor, position: number, extra: Partial<Memory> = {}): Frame {
  const memory = memoryAt(position, extra);
  const log = fake.memories.get(memory.module) ?? [];
  log.push(memory);
  fake.memories.set(memory.module, log);
  const event = create(EventSchema, { body: { case: "memory", value: memory } });
  const value = { cursor: cursor(memory.module, position), after: BigInt(position - 1), events: [event] };
  return frame({ case: "batch", value });
}

/** The next streams of the conductor, to be written by a test. */
export function streams(fake: FakeConductor, count = 1): Live[] {
  const lives = Array.from({ length: count }, () => new Live());
  fake.streams = lives.map(({ script }) => script);
  return lives;
}
