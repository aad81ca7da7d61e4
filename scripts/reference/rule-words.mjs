// Protovalidate's rules in words, from their JSON (proto/buf/validate/validate.proto).

const number = (value) => (/^-?\d+$/.test(String(value)) ? BigInt(value).toLocaleString("en") : String(value));
const code = (value) => `\`${value}\``;

/** `1 to 200 characters`, `at most 40 characters`. */
function amount(least, most, unit) {
  if (least !== undefined && most !== undefined) return `${number(least)} to ${number(most)} ${unit}`;
  if (most !== undefined) return `at most ${number(most)} ${unit}`;
  return least === undefined ? undefined : `at least ${number(least)} ${unit}`;
}

/** `from 1 to 1,000`, `0 or more`, `above 0`. */
function range({ gte, gt, lte, lt }) {
  if (gte !== undefined && lte !== undefined) return `from ${number(gte)} to ${number(lte)}`;
  const limits = [
    [gte, (value) => `${value} or more`],
    [gt, (value) => `above ${value}`],
    [lte, (value) => `${value} or less`],
    [lt, (value) => `below ${value}`],
  ];
  const given = limits.filter(([value]) => value !== undefined);
  return given.length === 0 ? undefined : given.map(([value, say]) => say(number(value))).join(", ");
}

/** What `without` says of a text that must not be in another. */
const absent = (text) => (text === "\0" ? "without NUL" : `without ${code(text)}`);

/** What each rule says, given its value, all rules of its type, and how a value of the field is written. */
const WORDS = {
  const: (value, _, show) => `exactly ${show(value)}`,
  in: (values, _, show) => `one of ${values.map(show).join(", ")}`,
  notIn: (values, _, show) => `none of ${values.map(show).join(", ")}`,
  definedOnly: () => "a value that is defined",
  len: (value) => `exactly ${number(value)} characters`,
  minLen: (least, { maxLen }) => amount(least, maxLen, "characters"),
  maxLen: (most, { minLen }) => (minLen === undefined ? amount(undefined, most, "characters") : undefined),
  minBytes: (least, { maxBytes }) => amount(least, maxBytes, "bytes"),
  maxBytes: (most, { minBytes }) => (minBytes === undefined ? amount(undefined, most, "bytes") : undefined),
  pattern: (pattern) => `fits ${code(pattern)}`,
  prefix: (text) => `begins with ${code(text)}`,
  suffix: (text) => `ends with ${code(text)}`,
  notContains: absent,
  uuid: () => "a UUID",
  minItems: (least, { maxItems }) => amount(least, maxItems, "of them"),
  maxItems: (most, { minItems }) => (minItems === undefined ? amount(undefined, most, "of them") : undefined),
  minPairs: (least, { maxPairs }) => amount(least, maxPairs, "entries"),
  maxPairs: (most, { minPairs }) => (minPairs === undefined ? amount(undefined, most, "entries") : undefined),
  unique: () => "none twice",
};

const RANGES = new Set(["gte", "gt", "lte", "lt"]);
/** The types whose rules speak of what is in the field, rather than of the field. */
const WITHIN = { items: "each", keys: "each key", values: "each value" };

/** The rules of one type; a rule that has no words here is shown as it is, so that none is missing. */
function typeWords(rules, show) {
  const limits = range(rules);
  const words = Object.entries(rules).flatMap(([name, value]) => {
    if (RANGES.has(name) || value === false) return [];
    if (name in WITHIN) return fieldWords(value, show).map((word) => `${WITHIN[name]} ${word}`);
    if (name in WORDS) return WORDS[name](value, rules, show) ?? [];
    return `${name} ${code(JSON.stringify(value))}`;
  });
  return limits === undefined ? words : [limits, ...words];
}

/**
 * The rules of a field, each in some words. `show` writes a value of the field as callers do, which for the numbers of an enum is a name.
 *
 * @param {Record<string, any>} [rules]
 */
export function fieldWords(rules = {}, show = code) {
  const { required, ignore, cel = [], celExpression = [], ...types } = rules;
  if (ignore === "IGNORE_ALWAYS") return ["not checked with the rest"];
  const own = cel.map(({ message, id, expression }) => message || id || code(expression));
  const words = [...Object.values(types).flatMap((type) => typeWords(type, show)), ...own, ...celExpression.map(code)];
  if (required === true) return ["required", ...words];
  return ignore === "IGNORE_IF_ZERO_VALUE" && words.length > 0 ? [...words, "or unset"] : words;
}

/**
 * The rules of a message as a whole, each a sentence.
 *
 * @param {Record<string, any>} [rules]
 */
export function messageWords({ cel = [], celExpression = [], oneof = [] } = {}) {
  const choices = oneof.map(
    ({ fields, required }) => `${required === true ? "exactly" : "at most"} one of ${fields.map(code).join(", ")}`,
  );
  return [
    ...cel.map(({ message, id, expression }) => message || id || code(expression)),
    ...celExpression.map(code),
    ...choices,
  ];
}
