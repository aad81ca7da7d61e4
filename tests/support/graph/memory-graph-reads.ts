import type { EdgeRow, NodeRow, ReferenceRow } from "#services/graph/domain/graph-rows.ts";
import type {
  Change,
  EdgeFilter,
  GraphReader,
  NodeQuery,
  SearchCandidate,
  SearchQuery,
  StatsRow,
  Step,
  TopicRow,
} from "#services/graph/domain/graph-store.ts";
import { NO_NAMING } from "#services/graph/domain/naming.ts";
import { searchWords } from "#services/graph/domain/search-words.ts";
import { mayRead, type Scope } from "#shared/auth/scope.ts";
import type { Part } from "./memory-graph-part.ts";
import { isMemory, isReference, type MemoryGraph } from "./memory-graph-projection.ts";
import { ascending, descending, inTurn, type Order, pageAfter } from "./row-order.ts";

const byId = ascending<{ readonly id: string }>(({ id }) => id);

const byCountThenId = inTurn<{ readonly count: number; readonly id: string }>(
  descending(({ count }) => count),
  byId,
);

const byWeight = inTurn<{ readonly count: number; readonly position: number; readonly id: string }>(
  descending(({ count }) => count),
  descending(({ position }) => position),
  byId,
);

const latestFirst = inTurn<NodeRow>(
  descending(({ position }) => position),
  byId,
);

/** The reading side of the model. Each call looks at everything, which is slow and hard to get wrong. */
export function readerOf(graph: MemoryGraph): GraphReader {
  const live = () => [...graph.generations.values()].find(({ row }) => row.state === "live");

  /** What a caller may see of the live generation: the rows of the scope's modules (G1, G5), edges with both ends (G4). */
  const seenBy = (scope: Scope, signal: AbortSignal | undefined) => {
    signal?.throwIfAborted();
    const parts = new Map([...(live()?.parts ?? [])].filter(([module]) => mayRead(scope, module)));
    const nodes = new Map([...parts.values()].flatMap((part) => [...part.nodes]));
    const edges = [...parts.values()]
      .flatMap((part) => [...part.edges.values()])
      .filter(({ from, to }) => nodes.has(from) && nodes.has(to));
    return { parts, nodes, edges };
  };

  return {
    async live(signal) {
      signal?.throwIfAborted();
      return live()?.row;
    },
    async livePlaces(scope, signal, module) {
      const places = [...seenBy(scope, signal).parts.values()].map(({ place }) => place);
      const asked = places.filter((place) => module === undefined || place?.module === module);
      return asked.filter((place) => place !== undefined).sort(ascending(({ module }) => module));
    },
    async faults(scope, { module, kind, limit }, signal) {
      const faults = seenBy(scope, signal).parts.get(module)?.faults.values() ?? [];
      const all = [...faults].filter((fault) => fault.kind === kind).sort(descending(({ position }) => position));
      return { faults: all.slice(0, limit), total: all.length };
    },
    async faultAt(scope, module, position, signal) {
      return seenBy(scope, signal).parts.get(module)?.faults.get(position);
    },
    async namingOf(scope, module, signal) {
      return seenBy(scope, signal).parts.get(module)?.naming ?? NO_NAMING;
    },
    async nodes(scope, ids, signal) {
      return [...seenBy(scope, signal).nodes.values()].filter(({ id }) => ids.includes(id));
    },
    async edges(scope, ids, signal) {
      return seenBy(scope, signal).edges.filter(({ id }) => ids.includes(id));
    },
    async names(scope, entity, limit, signal) {
      return [...seenBy(scope, signal).parts.values()]
        .flatMap((part) => namesOf(part, entity))
        .sort(
          inTurn(
            descending(({ count }) => count),
            ascending(({ form }) => form),
            ascending(({ key }) => key),
            ascending(({ kind }) => kind),
          ),
        )
        .slice(0, limit);
    },
    async findNodes(scope, query, signal) {
      const found = [...seenBy(scope, signal).nodes.values()].filter((node) => fits(node, query));
      return pageOf(found, byCountThenId, query.after, query.limit);
    },
    async search(scope, query, signal) {
      const { parts, nodes } = seenBy(scope, signal);
      return [...nodes.values()]
        .flatMap((node) => candidateOf(node, parts.get(node.module) as Part, query))
        .sort((left, right) => byCountThenId(left.node, right.node))
        .slice(0, query.limit);
    },
    async neighbors(scope, query, signal) {
      const { nodes, edges } = seenBy(scope, signal);
      const at = edges.filter((edge) => follows(edge, query, query.node));
      return pageOf(at, byWeight, query.after, query.limit).map((edge) => ({
        edge,
        node: nodes.get(otherEnd(edge, query.node)) as NodeRow,
      }));
    },
    async expand(scope, query, signal) {
      const { edges } = seenBy(scope, signal);
      return query.nodes.flatMap((node) =>
        edges
          .filter((edge) => follows(edge, query, node))
          .sort(byWeight)
          .slice(0, query.fanOut)
          .map((edge): Step => ({ edge: edge.id, from: node, to: otherEnd(edge, node), count: edge.count })),
      );
    },
    async evidence(scope, { pairs, before, limit }, signal) {
      const { nodes, edges } = seenBy(scope, signal);
      return pairs.map(({ module, from, to }) => {
        const references = edges.filter(isReference).filter((edge) => edge.module === module);
        const left = references.filter((edge) => edge.to === from);
        const right = references.filter((edge) => edge.to === to);
        const memories = left.filter((one) => right.some((other) => meet(one, other))).map((edge) => edge.from);
        return [...new Set(memories)]
          .map((id) => nodes.get(id) as NodeRow)
          .filter(({ position }) => before === undefined || position < before)
          .sort(latestFirst)
          .slice(0, limit);
      });
    },
    async topics(scope, { module, sinceMs = -Infinity, untilMs = Infinity, kinds, limit }, signal) {
      const { nodes, edges } = seenBy(scope, signal);
      const happened = (node: NodeRow) =>
        node.module === module &&
        isMemory(node) &&
        !node.forgotten &&
        node.occurredMs !== undefined &&
        node.occurredMs >= sinceMs &&
        node.occurredMs < untilMs;
      const memories = new Map([...nodes].filter(([, node]) => happened(node)));
      const references = edges.filter(isReference);
      const topics = [...nodes.values()]
        .filter(({ label, kind }) => isTopic(label) && (kinds.length === 0 || kinds.includes(kind)))
        .flatMap((node) => topicOf(node, references, memories));
      const order = inTurn<TopicRow>(
        descending(({ count }) => count),
        (left, right) => byId(left.node, right.node),
      );
      return { memories: memories.size, topics: topics.sort(order).slice(0, limit) };
    },
    async memoryCounts(scope, modules, signal) {
      const memories = [...seenBy(scope, signal).nodes.values()].filter((node) => isMemory(node) && !node.forgotten);
      return new Map(modules.map((module) => [module, memories.filter((node) => node.module === module).length]));
    },
    async stats(scope, module, signal) {
      const { nodes, edges } = seenBy(scope, signal);
      const counts = new Map<string, StatsRow>();
      const count = (of: Omit<StatsRow, "count">) => {
        if (module !== undefined && of.module !== module) return;
        const key = JSON.stringify([of.module, of.what, of.name, of.kind, of.origin]);
        counts.set(key, { ...of, count: (counts.get(key)?.count ?? 0) + 1 });
      };
      for (const { module, label: name, kind, origin } of nodes.values())
        count({ module, what: "node", name, kind, origin });
      for (const { module, type: name, origin } of edges) count({ module, what: "edge", name, kind: "", origin });
      return [...counts.values()];
    },
    async changes(scope, { module, after, limit }, signal) {
      const { parts, edges } = seenBy(scope, signal);
      const part = parts.get(module);
      if (part === undefined) return { changes: [], upTo: 0 };
      const all: Change[] = [
        ...[...part.removed].map(([id, changed]) => ({ what: "removed" as const, id, changed })),
        ...[...part.nodes.values()].map((node) => ({ what: "node" as const, node })),
        ...edges.filter((edge) => edge.module === module).map((edge) => ({ what: "edge" as const, edge })),
      ];
      const changes = all
        .filter((change) => byChange(placeOf(change), after) > 0)
        .sort((left, right) => byChange(placeOf(left), placeOf(right)))
        .slice(0, limit);
      return { changes, upTo: part.place?.position ?? 0 };
    },
    async exportNodes(scope, module, after, limit, signal) {
      const nodes = [...seenBy(scope, signal).nodes.values()].filter((node) => node.module === module);
      return pageOf(nodes, byId, { id: after }, limit);
    },
    async exportEdges(scope, module, after, limit, signal) {
      const edges = seenBy(scope, signal).edges.filter((edge) => edge.module === module);
      return pageOf(edges, byId, { id: after }, limit);
    },
  };
}

function pageOf<Place, Row extends Place>(
  rows: readonly Row[],
  order: Order<Place>,
  after: Place | undefined,
  limit: number,
): Row[] {
  return pageAfter<Place>(rows, order, after, limit) as Row[];
}

function namesOf(part: Part, entity: string) {
  return [...part.names.values()].filter((row) => row.entity === entity);
}

function fits(node: NodeRow, { module, labels, kind, name, properties }: NodeQuery): boolean {
  return (
    (module === undefined || node.module === module) &&
    (labels.length === 0 || labels.includes(node.label)) &&
    (kind === undefined || node.kind === kind) &&
    (name === undefined || node.name === name) &&
    Object.entries(properties).every(
      ([key, value]) => Object.hasOwn(node.properties, key) && node.properties[key] === value,
    )
  );
}

function candidateOf(node: NodeRow, part: Part, { words, module, labels }: SearchQuery): SearchCandidate[] {
  if (module !== undefined && node.module !== module) return [];
  if (labels.length > 0 && !labels.includes(node.label)) return [];
  const used = namesOf(part, node.id).map(({ form, count }) => ({ form, count }));
  const [best] = [...used, { form: node.name, count: 0 }]
    .filter(({ form }) => words.every((word) => searchWords(form).some((other) => other.startsWith(word))))
    .sort(
      inTurn(
        descending(({ count }) => count),
        ascending(({ form }) => form),
      ),
    );
  return best === undefined ? [] : [{ node, name: best.form }];
}

/** Whether an edge leads on from a node. */
function follows({ type, origin, from, to }: EdgeRow, { way, types, manual }: EdgeFilter, node: string): boolean {
  const out = way !== "incoming" && from === node;
  const into = way !== "outgoing" && to === node;
  return (out || into) && (types.includes(type) || (manual && origin === "manual"));
}

function otherEnd({ from, to }: EdgeRow, node: string): string {
  return from === node ? to : from;
}

/** Whether one memory makes both references, in a common passage. */
function meet(one: ReferenceRow, other: ReferenceRow): boolean {
  return one.from === other.from && one.mention.passages.some((passage) => other.mention.passages.includes(passage));
}

function isTopic(label: NodeRow["label"]): boolean {
  return label === "Entity" || label === "Concept";
}

/** What a node is to these memories; nothing if none references it. */
function topicOf(
  node: NodeRow,
  references: readonly ReferenceRow[],
  memories: ReadonlyMap<string, NodeRow>,
): TopicRow[] {
  const from = new Set(references.filter(({ to }) => to === node.id).map((edge) => edge.from));
  const times = [...from].flatMap((id) => memories.get(id)?.occurredMs ?? []);
  if (times.length === 0) return [];
  return [{ node, count: times.length, firstMs: Math.min(...times), lastMs: Math.max(...times) }];
}

interface ChangePlace {
  readonly changed: number;
  readonly what: Change["what"];
  readonly id: string;
}

function placeOf(change: Change): ChangePlace {
  switch (change.what) {
    case "removed":
      return change;
    case "node":
      return { what: "node", id: change.node.id, changed: change.node.changed };
    case "edge":
      return { what: "edge", id: change.edge.id, changed: change.edge.changed };
  }
}

const KINDS_OF_CHANGE: readonly Change["what"][] = ["removed", "node", "edge"];

const byChange = inTurn<ChangePlace>(
  ascending(({ changed }) => changed),
  ascending(({ what }) => KINDS_OF_CHANGE.indexOf(what)),
  byId,
);
