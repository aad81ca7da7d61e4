import { hash } from "node:crypto";
import { int } from "neo4j-driver";
import type { NameRow } from "../../domain/graph-rows.ts";
import { bare } from "./gid.ts";
import type { Part } from "./project.ts";
import { wordsOf } from "./stored-rows.ts";

const ADD = `UNWIND $rows AS row MERGE (x:CosName {gid: row.gid})
  ON CREATE SET x = row ON MATCH SET x.count = x.count + row.count`;

const TAKE = `UNWIND $rows AS row MATCH (x:CosName {gid: row[0]}) USING INDEX SEEK x:CosName(gid) SET x.count = x.count + row[1]
  WITH x WHERE x.count <= 0 DELETE x`;

/** Adds to counted names, and makes those that are new; those that come to nothing go. */
export async function addNames({ run, prefix, module }: Part, rows: readonly NameRow[]): Promise<void> {
  const more = rows.filter(({ count }) => count > 0);
  const less = rows.filter(({ count }) => count <= 0);
  if (more.length > 0) await run(ADD, { rows: more.map((row) => storedName(prefix, module, row)) });
  if (less.length > 0) await run(TAKE, { rows: less.map((row) => [nameGid(prefix, module, row), int(row.count)]) });
}

function storedName(prefix: string, module: string, row: NameRow) {
  const { kind, key, form, count } = row;
  return {
    gid: nameGid(prefix, module, row),
    owner: prefix + bare(row.entity),
    module,
    kind,
    key,
    form,
    count: int(count),
    words: wordsOf(prefix, module, form),
  };
}

/** What tells one name from all others, in the length of an id. */
function nameGid(prefix: string, module: string, { entity, kind, key, form }: NameRow): string {
  return prefix + hash("sha256", JSON.stringify([module, entity, kind, key, form]), "hex").slice(0, 32);
}
