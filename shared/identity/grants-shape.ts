import type { Grants } from "#shared/auth/principal.ts";
import { mapOf, type Shape, textOf, wordOf } from "./json-shape.ts";
import { VERB_OF_WORD } from "./policy-words.ts";

const MODULE = /^(?:[*]|[a-z][a-z0-9]*(?:_[a-z0-9]+)*)$/;
const MODULE_LENGTH_MAX = 40;

/** Rights as files and tokens write them: `{"drafts": "record", "*": "read"}`. A module need not exist yet. */
export const GRANTS: Shape<Grants> = mapOf(
  textOf("is no module's name: small letters, digits and single underscores, at most 40, or *", (name) =>
    name.length <= MODULE_LENGTH_MAX && MODULE.test(name) ? name : undefined,
  ),
  wordOf(VERB_OF_WORD),
);
