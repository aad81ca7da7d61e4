/** COS's own tokens, bearer values and the passwords of URLs, wherever in a line they stand. */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/cos_(?:pat|agt|svc|ses)_[0-9A-Za-z]{20,}/g, "[token]"],
  [/\bBearer\s+[\x21\x23-\x5b\x5d-\x7e]+/gi, "Bearer [token]"],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*):[^\s/@"]+@/gi, "$1:[password]@"],
];

/** The last net under the logs: a whole line without anything that looks like a secret. */
export function sweep(line: string): string {
  return SECRETS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}
