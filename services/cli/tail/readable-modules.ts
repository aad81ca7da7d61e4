import type { Connection } from "../connection/with-connection.ts";

/** The most that one page may have (cos.conductor.v1.ListModulesRequest). */
const PAGE_MAX = 1000;

/** The names of all modules that the caller may read. */
export async function readableModules(
  { modules }: Pick<Connection, "modules">,
  signal: AbortSignal,
): Promise<Set<string>> {
  const names = new Set<string>();
  let pageToken = "";
  do {
    const page = await modules.listModules({ pageSize: PAGE_MAX, pageToken }, { signal });
    for (const { name } of page.modules) names.add(name);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return names;
}
