import type { GraphReader, Step } from "#services/graph/domain/graph-store.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { byId } from "./contract-case.ts";
import type { Question } from "./operations.ts";
import { dayOf } from "./rows.ts";
import { edgeIds, entityIn, MODULES, nodeIn } from "./universe.ts";

/** Puts a question of the universe to a store. What the port answers in any order is put into one. */
export async function askGraph(store: GraphReader, scope: Scope, question: Question): Promise<unknown> {
  switch (question.of) {
    case "items": {
      const nodes = await store.nodes(scope, unique(question.nodes.map(nodeId)));
      return [byId(nodes), byId(await store.edges(scope, unique(question.edges.map(edgeId))))];
    }
    case "names":
      return store.names(scope, entityIn(...question.entity).id, question.limit);
    case "find": {
      const { after, module, ...query } = question;
      const from = after && { count: after.count, id: nodeId(after.id) };
      return store.findNodes(scope, { ...query, module: nameOf(module), after: from });
    }
    case "search":
      return store.search(scope, { ...question, module: nameOf(question.module) });
    case "neighbors": {
      const { after, node, ...query } = question;
      const from = after && { count: after.count, position: after.position, id: edgeId(after.edge) };
      return store.neighbors(scope, { ...query, node: nodeId(node), after: from });
    }
    case "expand":
      return (await store.expand(scope, { ...question, nodes: question.nodes.map(nodeId) })).sort(byStep);
    case "evidence":
      return askEvidence(store, scope, question);
    case "topics": {
      const { since, until, module, kinds, limit } = question;
      const [sinceMs, untilMs] = [since && dayOf(since), until && dayOf(until)];
      return store.topics(scope, { module: MODULES[module] as string, sinceMs, untilMs, kinds, limit });
    }
    case "counts": {
      const stats = await store.stats(scope, nameOf(question.module));
      const counts = await store.memoryCounts(scope, MODULES);
      return [
        stats.map((row) => JSON.stringify(row, Object.keys(row).sort())).sort(),
        MODULES.map((name) => counts.get(name) ?? 0),
      ];
    }
    case "changes": {
      const { module, after, limit } = question;
      const from = { ...after, id: after.id === undefined ? "" : nodeId(after.id) };
      return store.changes(scope, { module: MODULES[module] as string, after: from, limit });
    }
    case "export": {
      const [module, after] = [
        MODULES[question.module] as string,
        question.after === undefined ? "" : nodeId(question.after),
      ];
      return [
        await store.exportNodes(scope, module, after, question.limit),
        await store.exportEdges(scope, module, after, question.limit),
      ];
    }
    case "state":
      return askState(store, scope, question);
  }
}

type Asked<Of extends Question["of"]> = Extract<Question, { readonly of: Of }>;

/** Evidence is asked for relationships that the caller sees: its pairs are there, and two. */
async function askEvidence(store: GraphReader, scope: Scope, { pairs, before, limit }: Asked<"evidence">) {
  const named = pairs.map(({ module, from, to }) => ({
    module: MODULES[module] as string,
    from: entityIn(module, from).id,
    to: entityIn(module, to).id,
  }));
  const seen = await store.nodes(scope, unique(named.flatMap(({ from, to }) => [from, to])));
  const here = new Set(seen.map(({ id }) => id));
  const shown = named.filter(({ from, to }) => from !== to && here.has(from) && here.has(to));
  return store.evidence(scope, { pairs: shown, before, limit });
}

async function askState(store: GraphReader, scope: Scope, { module, limit }: Asked<"state">) {
  const name = MODULES[module] as string;
  return {
    live: await store.live(),
    places: await store.livePlaces(scope),
    naming: await store.namingOf(scope, name),
    parked: await store.faults(scope, { module: name, kind: "parked", limit }),
    refused: await store.faults(scope, { module: name, kind: "refused", limit }),
    fault: await store.faultAt(scope, name, 2),
  };
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

function nodeId([module, index]: readonly [number, number]): string {
  return nodeIn(module, index).id;
}

function edgeId([module, slot]: readonly [number, number]): string {
  return edgeIds(module)[slot] as string;
}

function nameOf(module: number | undefined): string | undefined {
  return module === undefined ? undefined : MODULES[module];
}

function byStep(left: Step, right: Step): number {
  return left.edge + left.from < right.edge + right.from ? -1 : 1;
}
