/** The value below which the share `q` of the sorted values lies. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.floor((sorted.length - 1) * q)] ?? Number.NaN;
}

/** The median of a few figures, one a round. */
export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** How long calls took, in milliseconds. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function latencyOf(tookMs: readonly number[]): Latency {
  const sorted = Float64Array.from(tookMs).sort();
  return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) };
}

/** The median of each figure over the rounds. */
export function medianOf<Figures extends object>(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0] ?? {}) as (keyof Figures)[];
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => Number(round[name])))])) as Figures;
}
