/** Nothing came for as long as the stream had promised to speak. */
export class Silence extends Error {
  override readonly name = "Silence";

  constructor(silenceMs: number) {
    super(`nothing came for ${Math.round(silenceMs / 100) / 10} s`);
  }
}

/**
 * The iterator's next item, or `Silence` if none comes in time. Only waiting counts: the time that the caller spends on
 * an item before it asks for the next one does not.
 */
export async function nextWithin<T>(iterator: AsyncIterator<T>, silenceMs: number): Promise<IteratorResult<T>> {
  const next = iterator.next();
  // After a silence nobody waits for this one any more; the caller cancels the stream, which rejects it.
  next.catch(() => undefined);
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Silence(silenceMs)), silenceMs);
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}
