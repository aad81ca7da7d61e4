import { oneLine } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";

/** Faults told one by one; the rest is only counted. */
const TOLD_MAX = 20;

export interface Counts {
  recorded: number;
  alreadyThere: number;
  failed: number;
}

export interface Fault {
  /** `line 2000`. */
  readonly name: string;
  readonly field: string;
  readonly message: string;
}

/** Counts what became of each item and tells the faults, as text or as JSON lines. */
export class Tally {
  readonly counts: Counts = { recorded: 0, alreadyThere: 0, failed: 0 };
  readonly #source: string;
  readonly #json: boolean;
  readonly #out: Output;
  readonly #err: Output;

  constructor(source: string, json: boolean, out: Output, err: Output) {
    this.#source = source;
    this.#json = json;
    this.#out = out;
    this.#err = err;
  }

  /** A faulty item: `diary.jsonl: line 2000: memory.text: too long`. */
  fault({ name, field, message }: Fault): void {
    this.counts.failed += 1;
    if (this.#json) {
      this.#tell(this.#out, JSON.stringify({ fault: { item: name, field, message } }));
    } else if (this.counts.failed <= TOLD_MAX) {
      // The server's messages begin with the field already.
      const text = oneLine(field === "" || message.startsWith(`${field}: `) ? message : `${field}: ${message}`);
      this.#tell(this.#err, `${this.#err.style("red", `${this.#source}: ${name}:`)} ${text}`);
    } else if (this.counts.failed === TOLD_MAX + 1) {
      this.#tell(this.#err, "more faults are counted, not shown (--json shows all)");
    }
  }

  /** The last line. */
  async close(): Promise<void> {
    if (this.#json) return this.#out.line(JSON.stringify(this.counts));
    const { recorded, alreadyThere, failed } = this.counts;
    const parts = [
      this.#out.style("bold", `${recorded.toLocaleString("en")} recorded`),
      `${alreadyThere.toLocaleString("en")} already there`,
      failed === 0 ? "0 failed" : this.#out.style("red", `${failed.toLocaleString("en")} failed`),
    ];
    await this.#out.line(`${this.#source}: ${parts.join(", ")}`);
  }

  #tell(output: Output, line: string): void {
    output.line(line).catch(() => undefined);
  }
}
