import { classAt, HYPHEN, isWordAt, SMALL } from "./character-classes.ts";
import { KIN } from "./cue-words.ts";

/** A relation to whoever writes, before it is known in which passage. */
export interface UnplacedKinsman {
  readonly relation: string;
  readonly start: number;
  readonly end: number;
}

const ENDEARMENTS = new Set(["dear", "poor", "late", "old", "own", "little", "good"]);
const KINSMEN_MAX = 1_000;
const RELATION_MAX = 16;

/** Where somebody is named by a relation to the writer (`my wife`), in order, a thousand times at most. */
export function kinsmenIn(text: string): UnplacedKinsman[] {
  const found: UnplacedKinsman[] = [];
  for (let at = text.indexOf("y "); at >= 0 && found.length < KINSMEN_MAX; at = text.indexOf("y ", at + 2)) {
    const code = text.charCodeAt(at - 1);
    if ((code !== 0x6d && code !== 0x4d) || isWordAt(text, at - 2)) continue;
    const kinsman = kinsmanAt(text, at - 1);
    if (kinsman !== undefined) found.push(kinsman);
  }
  return found;
}

function kinsmanAt(text: string, start: number): UnplacedKinsman | undefined {
  let begin = start + 3;
  let end = relationEnd(text, begin);
  if (ENDEARMENTS.has(text.slice(begin, end)) && text.charCodeAt(end) === 0x20) {
    begin = end + 1;
    end = relationEnd(text, begin);
  }
  const relation = KIN.get(text.slice(begin, end));
  return relation === undefined ? undefined : { relation, start, end };
}

function relationEnd(text: string, from: number): number {
  let at = from;
  while (at - from < RELATION_MAX && (classAt(text, at) === SMALL || classAt(text, at) === HYPHEN)) at += 1;
  return at;
}
