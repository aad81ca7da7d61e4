/** A lexeme, and how many passages of those that are searched hold it. */
export interface CountedTerm {
  readonly lexeme: string;
  readonly df: number;
}

export interface TermChoice {
  /** Passages with one of these are looked at: the rarest first. */
  readonly leading: readonly string[];
  /** All that count, the rarest first. */
  readonly all: readonly string[];
}

/** In a scope of no more passages every term leads to candidates. */
export const NARROW_MAX = 20_000;
/** In a wider one, the rarest whose counts sum to no more. */
const DF_SUM_MAX = 5000;
/** A page of text as a query: what is commonest in it says next to nothing. */
const TERMS_MAX = 64;

/** Which terms lead to candidates: looking at every passage that holds a common word would read most of a wide scope. */
export function chooseTerms(terms: readonly CountedTerm[], passagesInScope: number): TermChoice {
  const known = terms.filter(({ df }) => df > 0).toSorted((a, b) => a.df - b.df || (a.lexeme < b.lexeme ? -1 : 1));
  const counted = known.slice(0, TERMS_MAX);
  const all = counted.map(({ lexeme }) => lexeme);
  if (passagesInScope <= NARROW_MAX) return { leading: all, all };
  let sum = 0;
  const leading = counted.filter(({ df }, n) => {
    sum += df;
    return n === 0 || sum <= DF_SUM_MAX;
  });
  return { leading: leading.map(({ lexeme }) => lexeme), all };
}
