/** What nodes there are; the whitelist of what may stand as a label in a query. */
export const LABELS = ["Module", "Session", "LogEntry", "Prompt", "Source", "Entity", "Concept"] as const;
export type Label = (typeof LABELS)[number];

/** What relationships there are; the whitelist of what may stand as a type in a query. */
export const TYPES = [
  "CONTAINS",
  "FLOWS_TO",
  "TRIGGERED_BY",
  "CREATED_BY",
  "REFERENCES",
  "RELATES_TO",
  "DEPENDS_ON",
] as const;
export type Type = (typeof TYPES)[number];

/** What callers may make by hand. */
export const MANUAL_LABELS: readonly Label[] = ["Entity", "Concept"];
export const MANUAL_TYPES: readonly Type[] = ["RELATES_TO", "DEPENDS_ON", "REFERENCES"];

/** Where something comes from: from memories, or from a caller's hand. */
export type Origin = "derived" | "manual";

/** What a maker says of an item made by hand. */
export type Properties = Readonly<Record<string, string | number | boolean>>;

/** Labels of a request, whose contract lets no others in. */
export function labelsOf(labels: readonly string[]): Label[] {
  return LABELS.filter((label) => labels.includes(label));
}
