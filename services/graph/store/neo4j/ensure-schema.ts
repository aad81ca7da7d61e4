import type { Session } from "neo4j-driver";
import { TYPES } from "../../domain/vocabulary.ts";

type Statement = readonly [name: string, text: string];

const unique = (label: string, property: string): Statement => {
  const name = `cos_${label.slice(3).toLowerCase()}_${property}`;
  return [name, `CREATE CONSTRAINT ${name} IF NOT EXISTS FOR (n:${label}) REQUIRE n.${property} IS UNIQUE`];
};

const index = (name: string, pattern: string, ...properties: string[]): Statement => [
  `cos_${name}`,
  `CREATE INDEX cos_${name} IF NOT EXISTS FOR ${pattern} ON (${properties.map((property) => `x.${property}`).join(", ")})`,
];

/** What names are searched by: their words were cut already (searchWords), so nothing is left to an analyzer but the blanks. */
export const WORDS_INDEX = "cos_words";

const STATEMENTS: readonly Statement[] = [
  unique("CosGraph", "name"),
  unique("CosGeneration", "prefix"),
  unique("CosPlace", "key"),
  unique("CosSettled", "key"),
  unique("CosFault", "key"),
  unique("CosTombstone", "gid"),
  unique("CosName", "gid"),
  // MERGE is quick and safe by one label alone, so every node has this one beside those that it is known by.
  unique("CosItem", "gid"),
  index("item_name_is", "(x:CosItem)", "name"),
  index("item_changed", "(x:CosItem)", "module", "changed"),
  index("item_occurred", "(x:CosItem)", "module", "occurredMs"),
  index("item_session", "(x:CosItem)", "inSession", "position"),
  index("tombstone_changed", "(x:CosTombstone)", "module", "changed"),
  index("name_owner", "(x:CosName)", "owner"),
  ...TYPES.flatMap((type) => [
    index(`${type.toLowerCase()}_gid`, `()-[x:${type}]-()`, "gid"),
    index(`${type.toLowerCase()}_changed`, `()-[x:${type}]-()`, "module", "changed"),
  ]),
  [
    WORDS_INDEX,
    `CREATE FULLTEXT INDEX ${WORDS_INDEX} IF NOT EXISTS FOR (x:CosItem|CosName) ON EACH [x.words]
     OPTIONS { indexConfig: { \`fulltext.analyzer\`: 'whitespace' } }`,
  ],
];

/** Creates the constraints and indexes that are missing, and waits until all can be used. */
export async function ensureSchema(session: Session): Promise<void> {
  const { records } = await session.run(
    "SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'cos_' AND state = 'ONLINE' RETURN name",
  );
  const ready = new Set(records.map((record) => record.get("name")));
  const missing = STATEMENTS.filter(([name]) => !ready.has(name));
  if (missing.length === 0) return;
  await session.executeWrite((transaction) => Promise.all(missing.map(([, text]) => transaction.run(text))));
  await session.run("CALL db.awaitIndexes(60)");
}
