import { addSighting } from "./add-sighting.ts";
import type { ScannedText } from "./scanned-text.ts";
import type { Candidate, FullName, Sightings } from "./sighting.ts";

/** Whom a surname or a given name alone stands for in this memory; nobody, where it may be two. */
type Known = Map<string, FullName | undefined>;

/**
 * Decides what the candidates are, by all of the memory: the one fuller name that has theirs as its last or first word; else a person or
 * a place if anything next to any of their places said so, or they stand in a list with people; else nothing.
 */
export function settleCandidates(scanned: ScannedText, found: Sightings): void {
  if (found.candidates.length === 0) return;
  const known = knownNames(found.full);
  listWithPeople(scanned, found);
  const people = new Set(found.candidates.filter(({ from }) => found.people[from] === 1).map(({ form }) => form));
  const places = new Set(found.candidates.filter(({ place }) => place).map(({ form }) => form));
  for (const candidate of found.candidates) {
    const word = scanned.words[candidate.from]!;
    const full = known.get(candidate.form);
    if (full !== undefined && !candidate.place) {
      found.full.push({ ...full, start: word.start, passage: word.passage, alias: candidate.form });
    } else if (people.has(candidate.form)) addSighting(found, "person", candidate.form, word);
    else if (places.has(candidate.form)) addSighting(found, "place", candidate.form, word);
  }
}

function knownNames(full: readonly FullName[]): Known {
  const known: Known = new Map();
  const note = (short: string, name: FullName) => {
    const other = known.get(short);
    if (!known.has(short) || (other?.woman === true && !name.woman)) known.set(short, name);
    else if (other !== undefined && other.form !== name.form && other.woman === name.woman) known.set(short, undefined);
  };
  for (const name of full) {
    if (name.surname !== "") note(name.surname, name);
    if (name.given !== "" && name.given !== name.surname) note(name.given, name);
  }
  return known;
}

/** Who stands in a list with people is one: `with Mr. Blackburne, Creed, and Wivell`. */
function listWithPeople(scanned: ScannedText, found: Sightings): void {
  const { people, candidates } = found;
  const { words, human } = scanned;
  for (const { from, to, person } of candidates) if (person) people.fill(1, from, to);
  if (!human) return;
  const join = ({ from, to, place }: Candidate) => {
    if (place || people[from] === 1) return;
    const before = words[from]!.joint === "list" && people[from - 1] === 1;
    const after = words[to]?.joint === "list" && people[to] === 1;
    if (before || after) people.fill(1, from, to);
  };
  candidates.forEach(join);
  candidates.toReversed().forEach(join);
}
