import type { EntityKind } from "../mention.ts";
import { mentionKeyOf } from "./name-key.ts";

const FORMS_MAX = 8;
const FORM_MAX = 200;
const PASSAGES_MAX = 32;
/** Keys are found again for so many forms, and made again for others. */
const FORMS_KNOWN_MAX = 4_096;
export const MENTIONS_MAX = 256;

interface Collected {
  readonly kind: EntityKind;
  readonly key: string;
  readonly forms: string[];
  count: number;
  readonly passages: number[];
}

/** The mentions of a memory while they are gathered. */
export interface MentionCollector {
  readonly mentions: Collected[];
  /**
   * Of each kind, by their keys, and by the forms that were seen: a name comes several times, and its key costs more than the rest of
   * it. (A key is a form too, its own.) None where a form has no key, or came too late.
   */
  readonly byKind: Map<EntityKind, Map<string, Collected | undefined>>;
}

export function mentionCollector(): MentionCollector {
  return { mentions: [], byKind: new Map() };
}

/** Counts that a name comes in a passage, written as `form`; its key is that of `keyForm`. Later passages come later. */
export function collect(to: MentionCollector, kind: EntityKind, form: string, passage: number, keyForm = form): void {
  const mention = mentionOf(to, kind, keyForm);
  if (mention === undefined) return;
  mention.count += 1;
  const { forms, passages } = mention;
  if (forms.length < FORMS_MAX && forms.at(-1) !== form && !forms.includes(readable(form))) forms.push(readable(form));
  if (passages.length < PASSAGES_MAX && passages.at(-1) !== passage) passages.push(passage);
}

function mentionOf(to: MentionCollector, kind: EntityKind, form: string): Collected | undefined {
  let names = to.byKind.get(kind);
  if (names === undefined) {
    names = new Map();
    to.byKind.set(kind, names);
  }
  if (names.has(form)) return names.get(form);
  const key = mentionKeyOf(kind, form);
  let mention = key === "" ? undefined : names.get(key);
  if (mention === undefined && key !== "" && to.mentions.length < MENTIONS_MAX) {
    mention = { kind, key, forms: [], count: 0, passages: [] };
    names.set(key, mention);
    to.mentions.push(mention);
  }
  if (names.size < FORMS_KNOWN_MAX) names.set(form, mention);
  return mention;
}

function readable(form: string): string {
  return form.length > FORM_MAX ? form.slice(0, FORM_MAX).toWellFormed() : form;
}
