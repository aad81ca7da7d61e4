import { Code, ConnectError } from "@connectrpc/connect";
import type { CursorFault } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { StreamRefused } from "#shared/highway/client/stream-error.ts";
import { detailOf, fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import type { Cli } from "./cli.ts";
import { CliFailure } from "./cli-failure.ts";
import { EXIT } from "./exit-codes.ts";
import { explainAbsence } from "./explain-absence.ts";
import { explainField } from "./explain-field.ts";
import { explainRefusal } from "./explain-refusal.ts";

export interface Explained {
  readonly exitCode: number;
  /** One line a fault; none where there is nothing to say. */
  readonly lines: readonly string[];
}

/** Whom the command talked to (the conductor, if it is not said), and with what. */
export type Called = Pick<Cli, "address" | "tokenSource" | "showsCertificate"> & Partial<Pick<Cli, "service">>;

/** What a person is told of a failure: one line that names the field, or says how to go on. */
export function explainError(error: unknown, called: Called): Explained {
  if (error instanceof CliFailure) return { exitCode: error.exitCode, lines: error.message.split("\n") };
  if (error instanceof SettingsError) return { exitCode: EXIT.usage, lines: error.faults };
  if (error instanceof StreamRefused && error.cursorFaults !== undefined) {
    return { exitCode: EXIT.failed, lines: error.cursorFaults.faults.map((fault) => explainFault(fault, error.code)) };
  }
  if (error instanceof StreamRefused) return explainError(error.cause, called);
  if (error instanceof ConnectError) return explainStatus(error, called);
  return { exitCode: EXIT.failed, lines: [error instanceof Error ? error.message : String(error)] };
}

const EXIT_CODES: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: EXIT.usage,
  [Code.NotFound]: EXIT.notFound,
  [Code.Unavailable]: EXIT.unavailable,
  [Code.DeadlineExceeded]: EXIT.unavailable,
  [Code.ResourceExhausted]: EXIT.unavailable,
};

function explainStatus(error: ConnectError, called: Called): Explained {
  // What is used up does not come back by waiting.
  const usedUp = reasonOf(error) === "QUOTA_EXCEEDED";
  const exitCode = usedUp ? EXIT.failed : (EXIT_CODES[error.code] ?? EXIT.failed);
  const violations = fieldsOf(error);
  if (violations.length > 0) {
    return { exitCode, lines: [...new Set(violations.map((fault) => explainField(fault, called.service)))] };
  }
  const refusal = explainRefusal(error, called);
  if (refusal !== undefined) return { exitCode, lines: [refusal] };
  // A server that answers gives a reason.
  if (error.code === Code.Unavailable && reasonOf(error) === undefined) {
    return { exitCode, lines: [explainAbsence(error.rawMessage, called)] };
  }
  if (error.code === Code.Unimplemented && called.service === "graph") {
    return { exitCode, lines: [`whoever is at ${called.address} has no graph, or an older one: ${WHERE_GRAPH}`] };
  }
  if (error.code === Code.Internal || error.code === Code.Unknown) {
    return { exitCode, lines: [`${error.rawMessage}${requestIdOf(error)}`] };
  }
  return { exitCode, lines: [error.rawMessage] };
}

const WHERE_GRAPH = "COS_GRAPH_ADDRESS (or --address) says where the graph is";

function requestIdOf(error: ConnectError): string {
  const id = detailOf(error, ErrorInfoSchema)?.metadata.request_id ?? error.metadata.get("x-request-id");
  return id === undefined || id === null || error.rawMessage.includes(id) ? "" : ` (request ${id})`;
}

function explainFault({ given, resumeAt, head }: CursorFault, code: Code): string {
  const [module, position, next] = [given?.module, given?.position, (resumeAt?.position ?? 0n) + 1n];
  const goOn = `go on with \`--module ${module} --from ${next}\``;
  if (code === Code.DataLoss) {
    return `the log of ${module} was restored and lost what stood above position ${resumeAt?.position}: undo what you took up to ${position}, then ${goOn}`;
  }
  return `the log of ${module} ends at position ${head}, before ${position}: ${goOn}`;
}
