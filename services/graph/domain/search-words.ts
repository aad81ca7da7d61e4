/** The words of a name, as search compares them: letters and digits, without case and accents; at most 64, of at most 40 characters each. */
export function searchWords(text: string): string[] {
  const plain = text.slice(0, 4000).normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
  return [...plain.matchAll(/[\p{L}\p{N}]+/gu)].slice(0, 64).map(([word]) => word.slice(0, 40));
}
