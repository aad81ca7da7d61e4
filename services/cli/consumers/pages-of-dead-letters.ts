import type { DeadLetter } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { Connection } from "../connection/with-connection.ts";

/** The most that one page may have (cos.highway.v1.ListDeadLettersRequest). */
const PAGE_MAX = 1000;

/** The dead letters of all pages, by module and position: of one module, or of all (unset). */
export async function* pagesOfDeadLetters(
  { highway }: Pick<Connection, "highway">,
  { consumer, module = "" }: { readonly consumer: string; readonly module?: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<DeadLetter> {
  let pageToken = "";
  do {
    const page = await highway.listDeadLetters({ consumer, module, pageSize: PAGE_MAX, pageToken }, { signal });
    yield* page.deadLetters;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
