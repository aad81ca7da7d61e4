import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { LogPort } from "#shared/highway/log-port.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";

/** What the functions here need: the database, and the log that consumers have their places in. */
export interface ConsumerStore {
  readonly postgres: Postgres;
  readonly log: LogPort;
  /** How long a call may take before its caller hears that PostgreSQL does not answer. */
  readonly timeoutMs: number;
}

/** What a caller is told of a consumer that does not exist, for this caller or at all. */
export function consumerNotFound(name: string): CosError {
  return new CosError(ErrorReason.CONSUMER_NOT_FOUND, `there is no consumer "${name}"`, {
    resource: { type: "consumer", name },
  });
}
