import { create } from "@bufbuild/protobuf";
import { type ForgetMemoriesRequest, MemoryIdsSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ForgetOptions } from "../commands/memories.ts";
import { EXIT } from "../exit-codes.ts";

/** Memories of one module that one call forgets. */
export interface Selection {
  readonly module: string;
  readonly selector: ForgetMemoriesRequest["selector"];
}

/** The most ids that one call takes (cos.conductor.v1.MemoryIds). */
const IDS_MAX = 1000;

/** The module of whoever names none. */
const DEFAULT_MODULE = "cc";

/** What a session, a source or a whole module selects; undefined: the options name memories one by one. */
export function wideSelection(options: ForgetOptions): Selection | undefined {
  const { module, all } = options;
  if (all === true && module === undefined) {
    throw new CliFailure(EXIT.usage, "--all forgets a whole module: say which, with --module");
  }
  const selector = selectorOf(options);
  return selector === undefined ? undefined : { module: module ?? DEFAULT_MODULE, selector };
}

function selectorOf({ session, source, all }: ForgetOptions): Selection["selector"] | undefined {
  if (session !== undefined) return { case: "sessionId", value: session };
  if (source !== undefined) return { case: "source", value: source };
  return all === true ? { case: "wholeModule", value: true } : undefined;
}

/** Memories that are named one by one, as calls take them: one module each, and no more than one call may carry. */
export function idSelections(idsByModule: ReadonlyMap<string, Iterable<string>>): Selection[] {
  return [...idsByModule].flatMap(([module, given]) => {
    const ids = [...new Set(given)];
    const chunks = Array.from({ length: Math.ceil(ids.length / IDS_MAX) }, (_, n) =>
      ids.slice(n * IDS_MAX, (n + 1) * IDS_MAX),
    );
    return chunks.map(
      (chunk): Selection => ({ module, selector: { case: "ids", value: create(MemoryIdsSchema, { ids: chunk }) } }),
    );
  });
}

/** What selections take in, for people: `of session 1234 in module cc`; empty: nothing. */
export function describeSelections(selections: readonly Selection[]): string {
  const modules = new Set(selections.map(({ module }) => module));
  const [first] = selections;
  if (first === undefined) return "";
  const where = modules.size === 1 ? `in module ${first.module}` : `in ${modules.size} modules`;
  if (first.selector.case === "sessionId") return `of session ${first.selector.value} ${where}`;
  return first.selector.case === "source" ? `of source ${first.selector.value} ${where}` : where;
}
