import type { Token } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Connection } from "../connection/with-connection.ts";

/** The most that one page may have (cos.auth.v1.ListTokensRequest). */
const PAGE_MAX = 1000;

/** The tokens of all pages: of one principal, or of all. */
export async function* pagesOfTokens(
  { auth }: Pick<Connection, "auth">,
  which: { readonly name?: string; readonly showEnded: boolean },
  signal: AbortSignal,
): AsyncGenerator<Token> {
  let pageToken = "";
  do {
    const page = await auth.listTokens({ ...which, pageSize: PAGE_MAX, pageToken }, { signal });
    yield* page.tokens;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
