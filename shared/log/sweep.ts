/** COS's own tokens, bearer values, signed tokens, private keys and the passwords of URLs, wherever in a line they stand. */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/cos_(?:pat|agt|svc|ses)_[0-9A-Za-z]{20,}/g, "[token]"],
  [/\bBearer\s+[\x21\x23-\x5b\x5d-\x7e]+/gi, "Bearer [token]"],
  // `eyJ` is the `{"` with which the header of a JWT begins.
  [/(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/g, "[token]"],
  // In a line of JSON a key has `\n` for its line breaks, and ends before the quotation mark in any case.
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?=")|$)/g, "[private key]"],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*):[^\s/@"]+@/gi, "$1:[password]@"],
];

/** The last net under the logs: a whole line without anything that looks like a secret. */
export function sweep(line: string): string {
  return SECRETS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
}
