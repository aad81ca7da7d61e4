import { EXTRACTOR_VERSION } from "../domain/extract/extractor-version.ts";
import { ENTITY_KINDS } from "../domain/mention.ts";
import { LABEL_WORDS, TYPE_WORDS } from "../domain/schema-words.ts";
import { LABELS, MANUAL_LABELS, MANUAL_TYPES, TYPES } from "../domain/vocabulary.ts";
import type { Graph } from "./read-needs.ts";

/** What there can be in a graph is the same for everybody, whatever there is. */
export function getSchema(): Graph["getSchema"] {
  return async () => ({
    labels: LABELS.map((label) => ({ label, about: LABEL_WORDS[label], manual: MANUAL_LABELS.includes(label) })),
    types: TYPES.map((type) => ({ type, about: TYPE_WORDS[type], manual: MANUAL_TYPES.includes(type) })),
    kinds: [...ENTITY_KINDS],
    extractorVersion: EXTRACTOR_VERSION,
  });
}
