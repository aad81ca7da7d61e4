import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { countOf } from "../output/count-of.ts";
import { shorten } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";
import { isByHand, nameOf, whatIs } from "./describe-node.ts";
import type { Told } from "./follow-graph.ts";

/** Names that are remembered, so that relationships can be told by the names of their ends. */
const NAMES_MAX = 20_000;

/** The graph's changes for people, one line each. */
export class ChangeLines {
  readonly #out: Output;
  readonly #names = new Map<string, string>();

  constructor(out: Output) {
    this.#out = out;
  }

  *of(told: Told): Generator<string, void, undefined> {
    if (told.kind === "reset") {
      this.#names.clear();
      yield this.#out.style(
        "yellow",
        `the graph was built anew (generation ${told.reset.generation}): all of it follows`,
      );
      return;
    }
    const { nodes, relationships, removed } = told.changes;
    // As frames are to be read: what went goes first.
    for (const id of removed) yield this.#fit(["removed", this.#called(id), ""]);
    // Then all names: a relationship comes with its ends, in any order.
    for (const node of nodes) this.#remember(node);
    for (const node of nodes) yield this.#fit(this.#nodeLine(node));
    for (const relationship of relationships) yield this.#fit(this.#relationshipLine(relationship));
  }

  #nodeLine(node: Node): Parts {
    const count = node.memoryCount === 0n ? "" : `  in ${countOf(node.memoryCount, "memory", "memories")}`;
    return [whatIs(node), nameOf(node), isByHand(node) ? "  by hand" : count];
  }

  #relationshipLine(edge: Relationship): Parts {
    const isPlain = edge.type === "RELATES_TO" && !isByHand(edge);
    const ends = `${this.#called(edge.fromId)} ${isPlain ? "--" : "->"} ${this.#called(edge.toId)}`;
    const count = isPlain ? `  in ${countOf(edge.count, "memory", "memories")}` : "";
    return [edge.type, ends, isByHand(edge) ? "  by hand" : count];
  }

  #fit([what, text, rest]: Parts): string {
    const room = (this.#out.columns ?? Number.POSITIVE_INFINITY) - what.length - 2 - rest.length;
    return `${this.#out.style("yellow", what)}  ${shorten(text, Math.max(20, room))}${this.#out.style("dim", rest)}`;
  }

  #remember(node: Node): void {
    // Whoever is spoken of again stays; the others go in the order in which they came.
    this.#names.delete(node.id);
    this.#names.set(node.id, shorten(nameOf(node), 60));
    if (this.#names.size <= NAMES_MAX) return;
    const [oldest] = this.#names.keys();
    this.#names.delete(oldest as string);
  }

  /** A name, or the beginning of an id that nobody has told the name of. */
  #called(id: string): string {
    return this.#names.get(id) ?? `${id.slice(0, 8)}…`;
  }
}

type Parts = readonly [what: string, text: string, rest: string];
