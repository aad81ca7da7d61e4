const UNITS = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
] as const;

/** A length of time as people read it, in its largest whole unit: `24h` is `1 d`, 90 minutes are `90 min`. */
export function formatDurationS(seconds: number): string {
  const [size, unit] = UNITS.find(([each]) => seconds > 0 && seconds % each === 0) ?? [1, "s"];
  return `${seconds / size} ${unit}`;
}
