/** A key by its name: `up`, `enter`, `ctrl-c`; or a character as it was typed. */
export type Key = { readonly name: KeyName } | { readonly name: "character"; readonly character: string };

export type KeyName =
  | "up"
  | "down"
  | "pageup"
  | "pagedown"
  | "home"
  | "end"
  | "enter"
  | "escape"
  | "backspace"
  | "ctrl-c"
  | "ctrl-l"
  | "ctrl-u"
  | "ctrl-z"
  | "unknown";

/** What terminals send for keys that are no characters, by the sequence's end (ECMA-48, xterm's ctlseqs, VT220). */
const SEQUENCES: Readonly<Record<string, KeyName>> = {
  A: "up",
  B: "down",
  F: "end",
  H: "home",
  "1~": "home",
  "4~": "end",
  "5~": "pageup",
  "6~": "pagedown",
  "7~": "home",
  "8~": "end",
};

const CONTROLS: Readonly<Record<string, KeyName>> = {
  "\x03": "ctrl-c",
  "\b": "backspace",
  "\x7F": "backspace",
  "\n": "enter",
  "\r": "enter",
  "\f": "ctrl-l",
  "\x15": "ctrl-u",
  "\x1A": "ctrl-z",
};

/** A whole sequence: CSI with its parameters, or SS3 with one letter. */
const SEQUENCE = /^\x1B(?:\[([0-?]*)[ -/]*([@-~])|O([ -~]))/;
/** The beginning of a sequence whose rest is still on its way. */
const BEGINNING = /^\x1B(?:\[[0-?]*[ -/]*|O)$/;

/**
 * The keys in what a terminal sent. `rest` is the beginning of a sequence that was cut off: put it before what comes next. An escape at
 * the very end is taken for the key.
 */
export function parseKeys(input: string): { readonly keys: readonly Key[]; readonly rest: string } {
  const keys: Key[] = [];
  let at = 0;
  while (at < input.length) {
    const ahead = input.slice(at, at + SEQUENCE_MAX);
    if (at + ahead.length === input.length && BEGINNING.test(ahead)) return { keys, rest: ahead };
    const [key, length] = keyAt(ahead);
    keys.push(key);
    at += length;
  }
  return { keys, rest: "" };
}

/** More characters than any key sends. */
const SEQUENCE_MAX = 32;

function keyAt(ahead: string): readonly [key: Key, length: number] {
  const sequence = SEQUENCE.exec(ahead);
  if (sequence !== null) {
    const [whole, parameters = "", end = "", letter = ""] = sequence;
    // A modifier comes second (`1;5A`): Ctrl-Up scrolls as Up does.
    const number = end === "~" ? parameters.split(";")[0] : "";
    return [{ name: SEQUENCES[`${number}${end}${letter}`] ?? "unknown" }, whole.length];
  }
  const character = String.fromCodePoint(ahead.codePointAt(0) as number);
  if (character === "\x1B") return [{ name: "escape" }, 1];
  if (character < " " || character === "\x7F") return [{ name: CONTROLS[character] ?? "unknown" }, 1];
  return [{ name: "character", character }, character.length];
}
