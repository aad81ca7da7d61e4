import { isLetterAt, isWordAt } from "./character-classes.ts";

/** A mark that was read, and where it ends. Its form is empty if it names nothing, as a link within its own page. */
export interface MarkRead {
  readonly kind: "page" | "person" | "concept";
  readonly form: string;
  readonly end: number;
}

const LINK_MAX = 200;
const NAME_MAX = 64;

/** The mark that begins at a `[`, `@` or `#` at `at`, if one does: `[[page|text]]`, `@person`, `#concept`. */
export function markAt(text: string, at: number): MarkRead | undefined {
  const code = text.charCodeAt(at);
  if (code === 0x5b) return text.charCodeAt(at + 1) === 0x5b ? wikilink(text, at + 2) : undefined;
  if (!standsAlone(text, at)) return undefined;
  return code === 0x40 ? person(text, at) : concept(text, at);
}

/** Each character is read at most twice, whatever follows: what is no link ends at the next bracket or line. */
function wikilink(text: string, from: number): MarkRead | undefined {
  let at = from;
  for (; at - from <= LINK_MAX; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5d && text.charCodeAt(at + 1) === 0x5d) break;
    if (code === 0x5b || code === 0x0a || Number.isNaN(code)) return undefined;
  }
  if (at - from > LINK_MAX) return undefined;
  const [target = ""] = text.slice(from, at).split(/[|#^]/, 1);
  const form = target.trim();
  return { kind: "page", form, end: at + 2 };
}

/** Names of programs' decorations, which people do not have. */
const DECORATIONS = new Set(
  "@param @params @returns @return @throws @deprecated @override @media @import @types @see @link @todo @example @default".split(
    " ",
  ),
);

function person(text: string, at: number): MarkRead | undefined {
  const end = nameEnd(text, at + 1, ".-_");
  const form = text.slice(at, end);
  const next = text.charCodeAt(end);
  // An e-mail address, a package's scope, a decorator: none of them a person who is spoken of.
  if (end - at < 2 || next === 0x40 || next === 0x2f || next === 0x28 || DECORATIONS.has(form)) return undefined;
  return hasLetter(text, at + 1, end) ? { kind: "person", form: form.slice(1), end } : undefined;
}

function concept(text: string, at: number): MarkRead | undefined {
  const end = nameEnd(text, at + 1, "-_/");
  const form = text.slice(at, end);
  if (end - at < 2 || !hasLetter(text, at + 1, end) || isColour(form)) return undefined;
  return { kind: "concept", form: form.slice(1), end };
}

/** `#123` is an issue, `#fff` and `#1a2b3c` are colours. */
function isColour(form: string): boolean {
  return (
    /^#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(form) && (/[0-9]/.test(form) || /^#([a-f])\1+$/i.test(form))
  );
}

function nameEnd(text: string, from: number, inner: string): number {
  let at = from;
  while (at - from < NAME_MAX && (isWordAt(text, at) || inner.includes(text.charAt(at) || " "))) at += 1;
  while (at > from && inner.includes(text.charAt(at - 1))) at -= 1;
  return at;
}

function standsAlone(text: string, at: number): boolean {
  return at === 0 || (!isWordAt(text, at - 1) && !"@#/&_.=:".includes(text.charAt(at - 1)));
}

function hasLetter(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if (isLetterAt(text, at)) return true;
  }
  return false;
}
