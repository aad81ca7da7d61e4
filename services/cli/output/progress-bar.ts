import type { Output } from "./output.ts";

const DRAW_EVERY_MS = 100;
const BAR_COLUMNS = 24;

/** How far something is: `done` of `total`, which may be unknown. */
export interface Progress {
  readonly done: number;
  readonly total: number | undefined;
  readonly recorded: number;
}

/** One line that is drawn over and over, on a terminal only. */
export class ProgressBar {
  readonly #out: Output;
  readonly #label: string;
  readonly #now: () => number;
  readonly #startedAt: number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(out: Output, label: string, now: () => number) {
    this.#out = out;
    this.#label = label;
    this.#now = now;
    this.#startedAt = now();
  }

  /** Draws, if the last time was long enough ago. */
  update(progress: Progress): void {
    if (!this.#out.isTerminal || this.#now() - this.#drawnAt < DRAW_EVERY_MS) return;
    this.#drawnAt = this.#now();
    this.#drawn = true;
    this.#write(`\r\x1b[K${this.#line(progress)}`);
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.#drawn) this.#write("\r\x1b[K");
    this.#drawn = false;
  }

  #line({ done, total, recorded }: Progress): string {
    const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
    const perSecond = Math.round((recorded * 1000) / Math.max(1, this.#now() - this.#startedAt));
    const counts = `${recorded.toLocaleString("en")} memories  ${perSecond.toLocaleString("en")}/s`;
    if (share === undefined) return `${this.#label}  ${counts}`;
    const full = Math.round(share * BAR_COLUMNS);
    const bar = `${this.#out.style("cyan", "█".repeat(full))}${this.#out.style("dim", "░".repeat(BAR_COLUMNS - full))}`;
    return `${this.#label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)}%  ${counts}`;
  }

  #write(text: string): void {
    this.#out.write(text).catch(() => undefined);
  }
}
