/** Longer than a commit takes, once its place was written. */
const SETTLED_AFTER_MS = 30_000;

/**
 * Goes on from a place `p` with `settled`: how far its module is settled (project.ts, J3); as far as it has come, if its last step was long
 * ago by the clock of Neo4j itself.
 */
export const SETTLED = `OPTIONAL MATCH (s:CosSettled {key: p.key})
  WITH p, CASE WHEN timestamp() - p.writtenMs > ${SETTLED_AFTER_MS} THEN p.position
    ELSE reduce(most = 0, n IN [p.settled, s.position] | CASE WHEN n > most THEN n ELSE most END) END AS settled`;
