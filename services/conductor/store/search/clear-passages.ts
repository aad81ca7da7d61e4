import type pg from "pg";

/** How many rows of a table one step removes: some tenths of a second. */
const rowsMax = 5000;

const announce = `
  update mem0_cc.index_place
  set position = 0, passages = 0, words = 0, clearing = true, stepped_at = clock_timestamp()
  where module = $1`;

const clearOf = (table: "passage" | "term", key: string) => `
  delete from mem0_cc.${table} t
  using (select ${key} from mem0_cc.${table} where module = $1 order by ${key} limit ${rowsMax}) g
  where ${key
    .split(", ")
    .map((column) => `t.${column} = g.${column}`)
    .join(" and ")}`;

const clearPassage = clearOf("passage", "module, position, part");
const clearTerm = clearOf("term", "module, lexeme");

const beginAnew = `
  update mem0_cc.index_place set clearing = false, language = $2, rules = $3 where module = $1`;

/**
 * Empties the index of a module, a bounded number of rows a call; when nothing is left, the module begins anew at position 0. Answers
 * with how much it did, at least 1.
 */
export async function clearPassages(
  client: pg.ClientBase,
  module: string,
  { language, rules }: { readonly language: string; readonly rules: number },
): Promise<number> {
  await client.query(announce, [module]);
  for (const clear of [clearPassage, clearTerm]) {
    const { rowCount } = await client.query(clear, [module]);
    if (rowCount === rowsMax) return rowsMax;
  }
  await client.query(beginAnew, [module, language, rules]);
  return 1;
}
