/** The counts that a weight of two entities is made of, in memories. */
export interface PairCounts {
  /** In how many both occur together. */
  readonly both: number;
  readonly one: number;
  readonly other: number;
  /** How many there are in the module. */
  readonly all: number;
}

/**
 * How much more often two entities occur together than chance would have it, from -1 to 1: normalised pointwise mutual information (G.
 * Bouma, Normalized (Pointwise) Mutual Information in Collocation Extraction, 2009), discounted where counts are small (P. Pantel, D. Lin,
 * Discovering Word Senses from Text, 2002): without that, whoever occurs once, with somebody, would be closest to everybody. 0: nothing is known.
 */
export function pairWeight({ both, one, other, all }: PairCounts): number {
  const least = Math.min(one, other);
  if (both <= 0 || least <= 0 || all <= 0) return 0;
  const together = Math.min(1, both / all);
  // Two that occur in every memory go together as much as can be.
  const npmi = together === 1 ? 1 : Math.log(together / ((one / all) * (other / all))) / -Math.log(together);
  const discount = (both / (both + 1)) * (least / (least + 1));
  return Math.max(-1, Math.min(1, npmi)) * discount;
}

/** The counts that the weight of a topic is made of, in memories. */
export interface TopicCounts {
  /** In how many of the time it occurs. */
  readonly there: number;
  /** How many the time has. */
  readonly time: number;
  /** In how many of the module it occurs. */
  readonly everywhere: number;
  /** How many the module has. */
  readonly all: number;
}

/**
 * How much an entity tells of a time, in bits a memory: its term of the Kullback-Leibler divergence between the time and all of the
 * module, p log2(p / q), where p is the share of the time's memories that mention it and q the share of all. Below 0: it was rarer than usual.
 */
export function topicWeight({ there, time, everywhere, all }: TopicCounts): number {
  if (there <= 0 || time <= 0 || everywhere <= 0 || all <= 0) return 0;
  const share = there / time;
  return share * Math.log2(share / (everywhere / all));
}
