import { create, fromBinary } from "@bufbuild/protobuf";
import {
  SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import type { Hub } from "#shared/highway/hub.ts";

export type RequestInit = NonNullable<Parameters<typeof create<typeof SubscribeRequestSchema>>[1]>;
export type Frame = SubscribeResponse["frame"];
type Case = NonNullable<Frame["case"]>;
type ValueOf<C extends Case> = Extract<Frame, { case: C }>["value"];

/**
 * A subscriber that keeps what it got, and holds every frame against the law of cos/highway/v1/highway.proto: positions
 * ascend, `after` equals what was named before, and nothing is named twice with another meaning.
 */
export class Listener {
  readonly frames: Frame[] = [];
  /** Every event received: `module position`. */
  readonly events: string[] = [];
  readonly faults: string[] = [];
  /** What ended it; undefined: it was stopped, or runs. */
  error: unknown;
  token = "";
  readonly ended: Promise<void>;
  /** Set: no frame is taken until it resolves. */
  hold: Promise<void> | undefined;
  readonly named = new Map<string, bigint>();
  #done = false;
  #heard = Promise.withResolvers<void>();
  readonly #stop = new AbortController();

  constructor(hub: Hub, init: RequestInit = {}, access: Access = localAccess()) {
    const request = create(SubscribeRequestSchema, init);
    const stream = hub.subscribe(request, { access, signal: this.#stop.signal, subscriptionId: "s1" });
    this.ended = this.#listen(stream);
  }

  /** Every frame of a kind, so far. */
  of<C extends Case>(kind: C): ValueOf<C>[] {
    return this.frames.filter((frame) => frame.case === kind).map((frame) => frame.value as ValueOf<C>);
  }

  /** The positions received of a module. */
  positions(module: string): number[] {
    return this.events.filter((event) => event.startsWith(`${module} `)).map((event) => Number(event.split(" ")[1]));
  }

  /** Waits until the condition holds; it is looked at after every frame. Throws if the stream ends before. */
  async until(condition: (listener: this) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.#done) throw new Error("the stream has ended", { cause: this.error });
      await this.#heard.promise;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }

  async #listen(stream: AsyncGenerator<{ encoded: Uint8Array }>): Promise<void> {
    try {
      for await (const { encoded } of stream) {
        this.#take(fromBinary(SubscribeResponseSchema, encoded).frame);
        this.#heard.resolve();
        this.#heard = Promise.withResolvers();
        await this.hold;
      }
    } catch (error) {
      this.error = error;
    }
    this.#done = true;
    this.#heard.resolve();
  }

  #take(frame: Frame): void {
    this.frames.push(frame);
    if (frame.case === "started") {
      for (const { cursor } of frame.value.progress) {
        this.named.set(cursor?.module ?? "", cursor?.position ?? -1n);
      }
    }
    if (frame.case === "started" || frame.case === "checkpoint") {
      for (const { cursor, after } of frame.value.progress) this.#move(cursor, after);
    }
    if (frame.case === "batch") this.#takeBatch(frame.value);
    if (frame.case === "caughtUp") {
      for (const cursor of frame.value.cursors) this.#stand(cursor);
    }
    if (frame.case === "fellBehind") this.#stand(frame.value.cursor);
    if (frame.value !== undefined && "resumeToken" in frame.value && frame.value.resumeToken !== "") {
      this.token = frame.value.resumeToken;
    }
  }

  #takeBatch(batch: Extract<Frame, { case: "batch" }>["value"]): void {
    let last = batch.after;
    for (const { body } of batch.events) {
      const position = body.value?.position ?? -1n;
      if (position <= last || position > (batch.cursor?.position ?? -1n))
        this.faults.push(`${position} in (${batch.after}, ${batch.cursor?.position}]`);
      last = position;
      this.events.push(`${body.value?.module} ${position}`);
    }
    if (batch.events.length === 0) this.faults.push("an empty batch");
    this.#move(batch.cursor, batch.after);
  }

  /** Law 3. A module that joins is first named by a checkpoint. */
  #move(cursor: { module: string; position: bigint } | undefined, after: bigint): void {
    const { module = "", position = -1n } = cursor ?? {};
    const before = this.named.get(module);
    if (before !== undefined && before !== after) this.faults.push(`${module}: after ${after}, but stood at ${before}`);
    if (position < after) this.faults.push(`${module}: back from ${after} to ${position}`);
    this.named.set(module, position);
  }

  /** A frame that names a place without moving it. */
  #stand(cursor: { module: string; position: bigint } | undefined): void {
    const before = this.named.get(cursor?.module ?? "");
    if (before !== cursor?.position)
      this.faults.push(`${cursor?.module} at ${cursor?.position}, but stood at ${before}`);
  }
}
