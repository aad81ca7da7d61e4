import type { ModuleProjection } from "#gen/cos/graph/v1/projection_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import type { Search } from "./search-of.ts";

/** What the contract takes where no module is named. */
const DEFAULT_MODULE = "cc";

/** How many calls are open at a time while all modules are asked. */
const CALLS_MAX = 16;

/** The modules of which the graph holds something, the longest log first. */
export async function modulesOf({ graph, signal }: Search): Promise<ModuleProjection[]> {
  const { modules } = await graph.getProjection({}, { signal });
  return modules
    .filter(({ cursor }) => positionOf(cursor) > 0n)
    .toSorted((a, b) => Number(positionOf(b.cursor) - positionOf(a.cursor)) || (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** The names of the modules to ask: the one that was named, else all of which the graph holds something. */
export async function modulesToAsk(search: Search): Promise<string[]> {
  if (search.module !== undefined) return [search.module];
  const modules = await modulesOf(search);
  if (modules.length > 0) return modules.map(nameOf);
  throw new CliFailure(EXIT.notFound, EMPTY);
}

const EMPTY =
  "the graph holds nothing yet that you may read: record something (`cos record`, `cos import`), and see `cos graph projection`";

/** Asks each of the modules, in their order, not too many at a time. */
export async function askEach<T>(modules: readonly string[], ask: (module: string) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let start = 0; start < modules.length; start += CALLS_MAX) {
    answers.push(...(await Promise.all(modules.slice(start, start + CALLS_MAX).map(ask))));
  }
  return answers;
}

/** The module to write to or to watch, where no name says it: the only one in the graph, else cc. Says so, if it is another one than cc. */
export async function moduleToUse(search: Search): Promise<string> {
  if (search.module !== undefined) return search.module;
  const modules = await modulesOf(search);
  const module = modules.length === 1 ? nameOf(modules[0] as ModuleProjection) : DEFAULT_MODULE;
  if (module !== DEFAULT_MODULE) await search.cli.err.line(`cos: in module ${module}, the only one in the graph`);
  return module;
}

/** How far the graph is behind what it should know, for a person who misses something; undefined: it knows all. */
export async function lagOf({ graph, signal, module }: Search): Promise<string | undefined> {
  const { modules } = await graph.getProjection({ ...(module !== undefined && { module }) }, { signal });
  const lag = modules.reduce((sum, each) => sum + each.lagPositions, 0n);
  if (lag === 0n) return undefined;
  return `the graph is ${countOf(lag, "memory", "memories")} behind the log: \`cos graph projection\` shows when it has caught up`;
}

function positionOf(cursor: ModuleProjection["cursor"]): bigint {
  return cursor?.position ?? 0n;
}

function nameOf({ cursor }: ModuleProjection): string {
  return cursor?.module ?? "";
}
