/** What somebody says of a node or relationship; plain, so that reading options loads no protobuf. */
export interface GivenProperty {
  readonly name: string;
  readonly value: string | number | boolean;
}

const SHAPE = /^([a-z][a-z0-9_]{0,39})=(.*)$/s;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/**
 * `ship=Royal Charles`, `guns=80`, `sunk=false`: a number or truth value if it reads as one, unless it stands in double quotes
 * (`year="1660"`). Throws an Error that says what is wanted.
 */
export function parseProperty(text: string): GivenProperty {
  const [, name, value] = SHAPE.exec(text) ?? [];
  if (name !== undefined && value !== undefined && value !== "") return { name, value: readValue(value) };
  throw new Error("must be name=value, the name in small letters, digits and underscores, such as ship=Royal_Charles");
}

function readValue(text: string): GivenProperty["value"] {
  if (text === "true" || text === "false") return text === "true";
  // What a number could not keep, such as the digits of a long id, stays a text.
  if (NUMBER.test(text) && String(Number(text)) === text) return Number(text);
  return /^".*"$/s.test(text) ? text.slice(1, -1) : text;
}
