// Markdown as GitHub reads it.

/** Gives each heading of one page its anchor, as GitHub does: the second of a name gets `-1`. */
export function openAnchors() {
  const given = new Map();
  return (heading) => {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    const count = given.get(slug) ?? 0;
    given.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  };
}

/** A text in which nothing but what stands in backticks could be taken for HTML. */
export const prose = (text) =>
  text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll("<", "&lt;")))
    .join("");

/** A text of several paragraphs in one cell of a table. */
const cell = (text) =>
  text
    .replaceAll(/\n{2,}/g, "<br><br>")
    .replaceAll("\n", " ")
    .replaceAll("|", "\\|")
    .trim();

/** A table, or nothing where there are no rows. */
export function table(headings, rows) {
  if (rows.length === 0) return "";
  const lines = [headings, headings.map(() => "---"), ...rows.map((row) => row.map(cell))];
  return lines.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Blocks one below the other, without those that are empty. */
export const paragraphs = (parts) => parts.filter((part) => part !== "").join("\n\n");

/** The first sentence of a text. */
export const firstSentence = (text) =>
  /^[\s\S]*?[.:](?=\s|$)/.exec(text)?.[0].replaceAll("\n", " ").replace(/:$/, ".") ?? text;
