import type { Key } from "./parse-keys.ts";

/** How a longer text than the screen is looked at. */
export interface Scrolled {
  /** Lines above the screen. */
  readonly scrolled: number;
  readonly lines: number;
  /** Lines on the screen. */
  readonly shown: number;
}

/** Where a key scrolls to, as lines above the screen; undefined: it does not scroll. */
export function scrollTo(key: Key, { scrolled, lines, shown }: Scrolled): number | undefined {
  const within = (to: number): number => Math.max(0, Math.min(lines - shown, to));
  const page = Math.max(1, shown - 1);
  switch (key.name === "character" ? key.character : key.name) {
    case "up":
    case "k":
      return within(scrolled - 1);
    case "down":
    case "j":
      return within(scrolled + 1);
    case "pageup":
    case "b":
      return within(scrolled - page);
    case "pagedown":
    case " ":
      return within(scrolled + page);
    case "home":
    case "g":
      return 0;
    case "end":
    case "G":
      return within(lines);
    default:
      return undefined;
  }
}
