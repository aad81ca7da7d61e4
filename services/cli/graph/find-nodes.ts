// Finding the nodes that a person names.
//
// A name is looked for in the module that was named, else in all. Several names of one command are best understood in one module: that
// in which most of them are found, and of those the one in which most memories use them. What is not there is taken from where
// most memories use it.
import type { Node } from "#gen/cos/graph/v1/graph_pb.ts";
import { isId } from "../options/is-id.ts";
import { askEach, modulesToAsk } from "./modules-of.ts";
import { notFound } from "./not-found.ts";
import type { Search } from "./search-of.ts";
import { undefinedIfMissing } from "./undefined-if-missing.ts";

/** The node of one name or id. Throws CliFailure (not found) with similar names. */
export async function findNode(search: Search, which: string): Promise<Node> {
  const [node] = await findTogether(search, [which]);
  return node as Node;
}

/** The nodes of several names or ids, in their order. Throws CliFailure (not found) with similar names. */
export async function findTogether(search: Search, names: readonly string[]): Promise<Node[]> {
  const modules = names.every(isId) ? [] : await modulesToAsk(search);
  const found: Node[][] = [];
  for (const name of names) {
    const nodes = await nodesCalled(search, name, modules);
    if (nodes.length === 0) throw await notFound(search, name);
    found.push(nodes);
  }
  const chosen = chooseTogether(found);
  await tellOthers(search, names, found, chosen);
  return chosen;
}

/** Of each name the node that is meant; `found` has at least one for each. Exported for its tests. */
export function chooseTogether(found: readonly (readonly Node[])[]): Node[] {
  const candidates = [...new Set(found.flat().map(({ module }) => module))].map((module) => {
    const there = found.flatMap((nodes) => nodes.find((node) => node.module === module) ?? []);
    return { module, names: there.length, memories: there.reduce((sum, node) => sum + Number(node.memoryCount), 0) };
  });
  const [best] = candidates.toSorted(
    (a, b) => b.names - a.names || b.memories - a.memories || (a.module < b.module ? -1 : 1),
  );
  return found.map((nodes) => (nodes.find(({ module }) => module === best?.module) ?? mostUsed(nodes)) as Node);
}

function mostUsed(nodes: readonly Node[]): Node | undefined {
  return nodes.toSorted((a, b) => Number(b.memoryCount - a.memoryCount))[0];
}

async function nodesCalled(search: Search, name: string, modules: readonly string[]): Promise<Node[]> {
  const { graph, signal, kind } = search;
  if (isId(name)) {
    const answer = await graph.getNode({ id: name.toLowerCase() }, { signal }).catch(undefinedIfMissing);
    return answer?.node === undefined ? [] : [answer.node];
  }
  const answers = await askEach(modules, (module) =>
    graph.getNode({ name, module, ...(kind !== undefined && { kind }) }, { signal }).catch(undefinedIfMissing),
  );
  return answers.flatMap((answer) => answer?.node ?? []);
}

/** That a name means somebody else in other modules: a person who does not know would take one for the other. */
async function tellOthers(
  { cli }: Search,
  names: readonly string[],
  found: readonly (readonly Node[])[],
  chosen: readonly Node[],
): Promise<void> {
  for (const [index, nodes] of found.entries()) {
    const { module } = chosen[index] as Node;
    const others = nodes.map((node) => node.module).filter((other) => other !== module);
    if (others.length === 0) continue;
    const where = others.length > 3 ? `${others.slice(0, 3).join(", ")} and more` : others.join(", ");
    await cli.err.line(
      cli.err.style("dim", `cos: ${names[index]} of module ${module}; also in ${where} (--module ${others[0]})`),
    );
  }
}
