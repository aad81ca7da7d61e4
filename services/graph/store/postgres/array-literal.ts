/**
 * An array as PostgreSQL reads it, `{1,2}`, of what needs no quotes: numbers, truth values, UUIDs; undefined is null. A delta has a
 * hundred thousand of them, and pg's own way, which looks at each for what it may be, takes ten times as long.
 */
export function plainArray(values: readonly (number | boolean | string | undefined)[]): string {
  return `{${values.map((value) => value ?? "null").join(",")}}`;
}

/** An array of texts; undefined is null. */
export function textArray(values: readonly (string | undefined)[]): string {
  return `{${values.map((value) => (value === undefined ? "null" : quoted(value))).join(",")}}`;
}

function quoted(value: string): string {
  return /["\\]/.test(value) ? `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${value}"`;
}
