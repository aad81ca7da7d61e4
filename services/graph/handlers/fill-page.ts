import { ANSWER_BYTES_MAX } from "../domain/item-size.ts";

export interface PageLimits {
  /** Unset: any number. */
  readonly itemsMax?: number;
  /** Unset: 1 MiB. */
  readonly bytesMax?: number;
}

/**
 * The first of what is read in parts, as many as stay within the limits (one at least, if there is one), and whether more follows. No part
 * is read beyond the one in which it ends: so a call holds little more than it answers with.
 */
export async function fillPage<T>(
  parts: AsyncIterable<readonly T[]>,
  sizeOf: (item: T) => number,
  { itemsMax = Number.POSITIVE_INFINITY, bytesMax = ANSWER_BYTES_MAX }: PageLimits,
): Promise<{ readonly page: T[]; readonly more: boolean }> {
  const page: T[] = [];
  let bytes = 0;
  for await (const part of parts) {
    for (const item of part) {
      bytes += sizeOf(item);
      if (page.length >= itemsMax || (bytes > bytesMax && page.length > 0)) return { page, more: true };
      page.push(item);
    }
  }
  return { page, more: false };
}
