/** The work, done at once when it is asked for, but not again before so many milliseconds have passed. */
export function atMostEvery(ms: number, work: () => void): () => void {
  let doneMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs < doneMs + ms) return;
    doneMs = nowMs;
    work();
  };
}
