import type { Found } from "./measure-recall.ts";

/** A way of searching for memories. */
export interface Search {
  readonly name: string;
  /** The best first, each once; at most 50 are looked at. */
  readonly search: (question: string) => Promise<readonly Found[]>;
}
