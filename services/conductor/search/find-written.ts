import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { lexemeQuery } from "../domain/lexeme-query.ts";
import type { IndexedModule, SearchCall, SearchIndex } from "../domain/search-index.ts";
import { findWords, writtenAs } from "./highlight.ts";

/**
 * How a memory writes a lexeme, for people: `plague` for `plagu`. One that holds it is looked up, which no hit that is shown does; the
 * lexeme itself, where none is left.
 */
export async function findWritten(
  index: SearchIndex,
  call: SearchCall,
  modules: readonly IndexedModule[],
  lexeme: string,
): Promise<string> {
  const where = {
    modules: modules.map(({ module }) => module),
    isEverywhere: false,
    filter: undefined,
    required: [],
    excluded: [],
  };
  const any = { leading: lexemeQuery(lexeme), weights: [{ lexeme, idf: 1 }], lengthWeight: 0, meanLength: 1, limit: 1 };
  const keys = await index.findCandidates(call, { ...where, ...any, months: [], monthFactor: 1 }, false);
  const around = await index.readAround(call, { keys, where, lexemes: [lexeme], neighbours: 0 });
  const { shown } = await index.readMemories(call, around, MemoryView.BASIC);
  const languages = new Map(modules.map(({ module, language }) => [module, language]));
  const texts = shown.map(({ memory, passage }) => ({
    text: passage,
    language: languages.get(memory.module) as string,
  }));
  return writtenAs(lexeme, await findWords(index, call, texts, new Set([lexeme]))) ?? lexeme;
}
