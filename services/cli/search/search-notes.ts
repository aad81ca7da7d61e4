import { type SearchMemoriesResponse, type SearchTerm, SearchTerm_Use } from "#gen/cos/conductor/v1/search_pb.ts";
import type { SearchOptions } from "../commands/search.ts";
import { countOf } from "../output/count-of.ts";
import { oneLine } from "../output/one-line.ts";

/** How many modules are named that lag behind. */
const MODULES_MAX = 3;

/** What a person has to know beside the hits: what was looked for instead, what was not there, and what may be missing. */
export function searchNotes(
  {
    terms,
    modules,
    correctionsUnavailable,
  }: Pick<SearchMemoriesResponse, "terms" | "modules" | "correctionsUnavailable">,
  count: number,
  options: Pick<SearchOptions, "module" | "all" | "explain">,
): string[] {
  const notes = [
    ...terms.flatMap(({ word, correctedTo }) =>
      correctedTo === "" ? [] : [`no memory has "${oneLine(word)}": searched for "${oneLine(correctedTo)}" instead`],
    ),
    ...notFound(terms),
    ...(correctionsUnavailable ? ["misspelt words are not corrected: the database lacks its extension pg_trgm"] : []),
    ...(count === 0 ? [`nothing found ${whereOf(options)}`] : []),
    ...behind(modules),
    ...(options.explain === true ? counts(terms) : []),
  ];
  return notes.map((note) => `cos: ${note}`);
}

function notFound(terms: readonly SearchTerm[]): string[] {
  const missing = terms.filter(
    ({ use, passages, correctedTo }) => use !== SearchTerm_Use.EXCLUDED && passages === 0n && correctedTo === "",
  );
  return missing.length === 0 ? [] : [`no memory has ${missing.map(({ word }) => `"${oneLine(word)}"`).join(", ")}`];
}

function whereOf({ module = ["cc"], all }: Pick<SearchOptions, "module" | "all">): string {
  if (all === true) return "in any module that you may read";
  const hint = module.length === 1 && module[0] === "cc" ? " (--module names another, --all takes all)" : "";
  return `in ${module.join(", ")}${hint}`;
}

function behind(modules: SearchMemoriesResponse["modules"]): string[] {
  const late = modules.filter(({ position, head }) => position < head);
  const named = late.slice(0, MODULES_MAX).map(({ module, position, head }) => {
    return `${module} at ${position.toLocaleString("en")} of ${head.toLocaleString("en")}`;
  });
  const rest = late.length > MODULES_MAX ? [`and ${countOf(late.length - MODULES_MAX, "other", "others")}`] : [];
  if (late.length === 0) return [];
  return [`the index is behind, so the latest may be missing: ${[...named, ...rest].join(", ")}`];
}

function counts(terms: readonly SearchTerm[]): string[] {
  const found = terms.filter(({ passages }) => passages > 0n);
  return found.length === 0
    ? []
    : [
        found
          .map(({ word, passages }) => `"${oneLine(word)}" in ${countOf(passages, "passage", "passages")}`)
          .join(", "),
      ];
}
