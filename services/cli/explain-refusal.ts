import type { ConnectError } from "@connectrpc/connect";
import { retryAfterMs } from "#shared/highway/client/stream-error.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import type { Cli } from "./cli.ts";

/** What to do about a refusal that concerns who calls and with which right; undefined: it concerns something else. */
export function explainRefusal(
  error: ConnectError,
  { address, tokenSource }: Pick<Cli, "address" | "tokenSource">,
): string | undefined {
  const message = error.rawMessage;
  const token = tokenSource === undefined ? "the token" : `the token of ${tokenSource.name}`;
  switch (reasonOf(error)) {
    case "TOKEN_MISSING":
      return `COS at ${address} asks who you are: put a token into COS_TOKEN, or name its file in COS_TOKEN_FILE (administrators make one by \`cos tokens create\`)`;
    case "TOKEN_INVALID":
      return tokenSource?.isOwners === true
        ? `COS at ${address} does not know ${token}: \`npm start\` writes a new one there`
        : `COS at ${address} does not know ${token}: ask an administrator for another (\`cos tokens create\`, \`cos tokens rotate\`)`;
    case "TOKEN_EXPIRED":
      return `${token} has expired: ask an administrator for a new one (\`cos tokens rotate\`)`;
    case "TOKEN_REVOKED":
      return `${token} was revoked: it opens nothing any more`;
    case "ACCESS_CHANGED":
      return "what you may read has changed meanwhile: `cos whoami` shows what is left, then type the same command again";
    case "RIGHT_MISSING":
    case "KIND_REFUSED":
      return `${message}; ${whoCalls(tokenSource)}: \`cos whoami\` shows what you may do`;
    case "RATE_LIMITED":
      return `${message}: try again in ${Math.max(1, Math.ceil(retryAfterMs(error) / 1000))} s`;
    default:
      return undefined;
  }
}

function whoCalls(source: Cli["tokenSource"]): string {
  return source === undefined ? "you called without a token" : `you called with the token of ${source.name}`;
}
