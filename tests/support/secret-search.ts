import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isApiToken } from "#shared/auth/api-token.ts";

/** What stands in no log line: tests write it into every field that people fill. */
export const CANARY = "canary-that-only-a-test-writes";

/** What tests record; the diary's entries begin and end so. */
const RECORDED = [CANARY, "Up betimes", "And so to bed"];

/** What is looked for, and how an example of it looks. */
const SEARCHES: readonly (readonly [kind: string, find: (text: string) => boolean])[] = [
  ["a token", (text) => (text.match(/cos_[a-z]{3}_[0-9A-Za-z]{49}/g) ?? []).some(isApiToken)],
  // `[token]` is what the sweep leaves, `<token>` what documentation says.
  ["a bearer", (text) => /\bBearer\s+(?!\[token\]|<token>)[\w.~+/=-]{8}/i.test(text)],
  ["a signed token", (text) => /(?<![\w-])eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*/.test(text)],
  ["a private key", (text) => /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)],
  ["a password", (text) => /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"]*:(?!\[password\])[^\s/@"]+@/i.test(text)],
  ...RECORDED.map((recorded) => [`the text "${recorded}"`, (text: string) => text.includes(recorded)] as const),
];

/** The secrets that a text holds, by kind. */
export function secretsIn(text: string): string[] {
  return SEARCHES.filter(([, find]) => find(text)).map(([kind]) => kind);
}

/** Every line with a secret below a folder: its file, its number, and what it is that stands there. The line itself is not told. */
export function secretsBelow(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.flatMap(({ parentPath, name }) => {
    const text = readFileSync(join(parentPath, name), "utf8");
    // A key has several lines, and most files have nothing: the whole is looked at first.
    if (secretsIn(text).length === 0) return [];
    return text.split("\n").flatMap((line, n) => secretsIn(line).map((kind) => `${kind} in ${name}, line ${n + 1}`));
  });
}
