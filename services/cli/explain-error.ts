import { Code, ConnectError } from "@connectrpc/connect";
import type { CursorFault } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import { detailOf, fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { CliFailure } from "./cli-failure.ts";
import { EXIT } from "./exit-codes.ts";

export interface Explained {
  readonly exitCode: number;
  /** One line a fault; none where there is nothing to say. */
  readonly lines: readonly string[];
}

/** What a person is told of a failure: one line that names the field, or says how to go on. */
export function explainError(error: unknown, address: string): Explained {
  if (error instanceof CliFailure) return { exitCode: error.exitCode, lines: [error.message] };
  if (error instanceof SettingsError) return { exitCode: EXIT.usage, lines: error.faults };
  if (error instanceof StreamRefused && error.cursorFaults !== undefined) {
    return { exitCode: EXIT.failed, lines: error.cursorFaults.faults.map((fault) => explainFault(fault, error.code)) };
  }
  if (error instanceof StreamRefused) return explainError(error.cause, address);
  if (error instanceof ConnectError) return explainStatus(error, address);
  return { exitCode: EXIT.failed, lines: [error instanceof Error ? error.message : String(error)] };
}

const EXIT_CODES: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: EXIT.usage,
  [Code.NotFound]: EXIT.notFound,
  [Code.Unavailable]: EXIT.unavailable,
  [Code.DeadlineExceeded]: EXIT.unavailable,
  [Code.ResourceExhausted]: EXIT.unavailable,
};

function explainStatus(error: ConnectError, address: string): Explained {
  const exitCode = EXIT_CODES[error.code] ?? EXIT.failed;
  const violations = fieldsOf(error);
  if (violations.length > 0) {
    return { exitCode, lines: violations.map(({ field, description }) => `${field}: ${description}`) };
  }
  // A server that answers gives a reason.
  if (error.code === Code.Unavailable && reasonOf(error) === undefined) {
    return { exitCode, lines: [explainAbsence(error.rawMessage, address)] };
  }
  if (error.code === Code.Internal || error.code === Code.Unknown) {
    return { exitCode, lines: [`${error.rawMessage}${requestIdOf(error)}`] };
  }
  return { exitCode, lines: [error.rawMessage] };
}

/** Nobody there, or gone in the middle of the call: then it may have had its effect. */
function explainAbsence(message: string, address: string): string {
  const reached = !/No connection established|ECONNREFUSED|Name resolution failed/.test(message);
  if (!reached) return `no COS at ${address}: start it with \`npm start\``;
  return `the connection to COS at ${address} was lost, whether or not the call was carried out: ${message}`;
}

function requestIdOf(error: ConnectError): string {
  const id = detailOf(error, ErrorInfoSchema)?.metadata.request_id ?? error.metadata.get("x-request-id");
  return id === undefined || id === null || error.rawMessage.includes(id) ? "" : ` (request ${id})`;
}

function explainFault({ given, resumeAt, head }: CursorFault, code: Code): string {
  const [module, position, next] = [given?.module, given?.position, (resumeAt?.position ?? 0n) + 1n];
  const goOn = `go on with \`--module ${module} --from ${next}\``;
  if (code === Code.DataLoss) {
    return `${module}: the log was restored and lost what stood above position ${resumeAt?.position}: undo what you took up to ${position}, then ${goOn}`;
  }
  return `${module}: the log ends at position ${head}, before ${position}: ${goOn}`;
}
