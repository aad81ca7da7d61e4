/** A string with the colon that makes it a key, if there is one; or a brace. */
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/g;

/**
 * The first key that stands twice in one object of a JSON text; undefined: none does. JSON.parse takes the last of them without
 * a word, other readers the first: whoever checked the text may have seen another one than is used here. The text must be
 * valid JSON.
 */
export function repeatedKeyOf(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, quoted, colon] of json.matchAll(TOKENS)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (colon !== undefined) {
      const keys = open.at(-1) as Set<string>;
      const key = JSON.parse(quoted as string) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}
