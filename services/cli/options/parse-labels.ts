/** What nodes there are (cos.graph.v1.Node.label). */
export const LABELS = ["Module", "Session", "LogEntry", "Prompt", "Source", "Entity", "Concept"] as const;
export type Label = (typeof LABELS)[number];

/** `Entity,Concept`, in letters of any case, or `all`: then the list is empty. Throws an Error that says what is wanted. */
export function parseLabels(text: string): Label[] {
  if (text.toLowerCase() === "all") return [];
  const labels = text.split(",").map((given) => {
    const label = LABELS.find((each) => each.toLowerCase() === given.trim().toLowerCase());
    if (label === undefined) throw new Error(`must be \`all\`, or some of ${LABELS.join(",")}, separated by commas`);
    return label;
  });
  return [...new Set(labels)];
}
