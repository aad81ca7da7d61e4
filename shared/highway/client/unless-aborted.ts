/**
 * What `work` comes to; undefined as soon as the signal aborts, whatever becomes of it then.
 *
 * The signal is let go of after each wait. (A promise of its abort, raced again and again, would keep every result for as
 * long as the signal lives: https://github.com/nodejs/node/issues/17469.)
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => resolve(undefined);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
