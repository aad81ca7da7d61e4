import type pg from "pg";

const announce = `
  update mem0_cc.index_place
  set position = 0, passages = 0, words = 0, clearing = true, stepped_at = clock_timestamp()
  where module = $1`;

/** They are tried anew. */
const forgetPassedOver = `delete from mem0_cc.projection_parked where module = $1 and projection = 'search'`;

const clearOf = (table: "passage" | "term", key: string) => `
  delete from mem0_cc.${table} t
  using (select ${key} from mem0_cc.${table} where module = $1 order by ${key} limit $2) g
  where ${key
    .split(", ")
    .map((column) => `t.${column} = g.${column}`)
    .join(" and ")}`;

const clearPassage = clearOf("passage", "module, position, part");
const clearTerm = clearOf("term", "module, lexeme");

const beginAnew = `
  update mem0_cc.index_place set clearing = false, language = $2, rules = $3 where module = $1`;

/**
 * Empties the index of a module, at most `rowsMax` rows of a table a call; when nothing is left, the module begins anew at position 0. Answers
 * with how much it did, at least 1.
 */
export async function clearPassages(
  client: pg.ClientBase,
  module: string,
  { language, rules, rowsMax }: { readonly language: string; readonly rules: number; readonly rowsMax: number },
): Promise<number> {
  await client.query(announce, [module]);
  await client.query(forgetPassedOver, [module]);
  for (const clear of [clearPassage, clearTerm]) {
    const { rowCount } = await client.query(clear, [module, rowsMax]);
    if (rowCount === rowsMax) return rowsMax;
  }
  await client.query(beginAnew, [module, language, rules]);
  return 1;
}
