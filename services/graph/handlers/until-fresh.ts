import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";

const ATTEMPTS_MAX = 5;

/**
 * Reads and changes an item; again, if somebody else changed it in between and the caller has named no revision, and so wants whichever
 * there is. Ends after five losses in a row.
 */
export async function untilFresh<T>(revision: bigint, readAndChange: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readAndChange();
    } catch (error) {
      const lost = error instanceof CosError && error.reason === ErrorReason.REVISION_STALE;
      if (!lost || revision !== 0n || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
