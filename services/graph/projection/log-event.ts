import type { EntityName, GraphChange } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { Mention } from "../domain/mention.ts";
import type { Type } from "../domain/vocabulary.ts";

/** What one position of a module's log comes to, for the graph. */
export type LogEvent = { readonly position: number; readonly memoryId: string } & (
  | { readonly kind: "remembered"; readonly memory: RememberedMemory; readonly mentions: readonly Mention[] }
  /** Memories of this module, below this position. */
  | { readonly kind: "forgotten"; readonly ids: readonly string[] }
  | { readonly kind: "changed"; readonly changes: readonly GraphChange[] }
  | { readonly kind: "merged"; readonly entities: readonly EntityName[]; readonly into: EntityName }
  | { readonly kind: "split"; readonly entity: EntityName; readonly name: EntityName }
  /** A memory of this module was linked to another one, of any module, which may be missing or come later. */
  | { readonly kind: "linked"; readonly link: LinkOfMemories }
  /** Links that were made at these positions of this module are no more. */
  | { readonly kind: "unlinked"; readonly links: readonly EndedLinkOfMemories[] }
  /** Nothing: an act that this build does not know, or one that was parked. */
  | { readonly kind: "passed" }
);

/** A link between two memories, by their ids. */
export interface LinkOfMemories {
  readonly type: Type;
  readonly from: string;
  readonly to: string;
  /** Empty: not said, or gone with a memory that was forgotten. */
  readonly rationale: string;
}

export interface EndedLinkOfMemories extends Omit<LinkOfMemories, "rationale"> {
  /** Of the act that had made it. */
  readonly position: number;
}

/** What the graph keeps of a memory. */
export interface RememberedMemory {
  readonly label: "LogEntry" | "Prompt";
  /** The first 200 characters of its text, or of its prompt; empty: forgotten, or it has neither. */
  readonly name: string;
  readonly eventType: string;
  /** Empty: none. */
  readonly source: string;
  readonly session: string;
  /** The memory that led to it; empty: none. */
  readonly cause: string;
  /** In milliseconds of the Unix epoch; undefined: forgotten. */
  readonly occurredMs: number | undefined;
  /** Or parked: the graph knows nothing but that it is there. */
  readonly forgotten: boolean;
}
