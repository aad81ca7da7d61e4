import { cutPassages } from "#shared/ranking/cut-passages.ts";

/**
 * How memories become what is indexed. It rises with every change, here, in how texts are cut or in how signs are taken, after which an index holds something
 * else for the same log: what was indexed by lower rules is then indexed anew.
 */
export const indexRules = 2;

/**
 * What of a memory of the alias `m` is searched, as SQL: its text; where it has none, what a model was asked, and answered. Where it is
 * indexed and where passages are shown again, it must be the same.
 */
export const searchableText = `case when m.text <> '' then m.text
  else concat_ws(E'\\n\\n', m.prompt_trace ->> 'prompt', m.prompt_trace ->> 'response') end`;

/** A passage of a text, in characters as PostgreSQL counts them: code points. */
export interface TextPassage {
  /** Which of its memory's, from 0. */
  readonly part: number;
  readonly startAt: number;
  readonly length: number;
  readonly text: string;
}

/** The passages of a text, in its order. */
export function passagesOf(text: string): TextPassage[] {
  let [units, characters] = [0, 0];
  return cutPassages(text).map(({ start, end }, part) => {
    const passage = text.slice(start, end);
    const startAt = characters + charactersIn(text.slice(units, start));
    const length = charactersIn(passage);
    [units, characters] = [end, startAt + length];
    return { part, startAt, length, text: passage };
  });
}

function charactersIn(text: string): number {
  let characters = 0;
  for (const _ of text) characters += 1;
  return characters;
}
