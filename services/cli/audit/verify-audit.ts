import { toJsonString } from "@bufbuild/protobuf";
import { type VerifyAuditResponse, VerifyAuditResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { VerifyAuditOptions } from "../commands/audit.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";

/** Every entry is read: of an audit of years that takes its time. */
const VERIFY_MAX_MS = 15 * 60_000;

const KEEP =
  "cos: keep the seal elsewhere: given back to `cos audit verify --seal`, it proves that nothing was cut off";

/** `cos audit verify`: 1 if anything is not as it was written. */
export function verifyAudit(cli: Cli, { seal, json, address }: VerifyAuditOptions): Promise<number> {
  const known = seal === undefined ? {} : { knownSealNumber: seal.number, knownSealHash: seal.hash };
  return withConnection(cli, address, async ({ auth }) => {
    const answer = await auth.verifyAudit(known, { signal: cli.terminal.signal, timeoutMs: VERIFY_MAX_MS });
    const lines = json === true ? [toJsonString(VerifyAuditResponseSchema, answer)] : describe(cli, answer);
    for (const line of lines) await cli.out.line(line);
    if (answer.intact && answer.sealNumber > 0n && json !== true) await cli.err.line(KEEP);
    return answer.intact ? EXIT.ok : EXIT.failed;
  });
}

function describe(cli: Cli, { intact, sealed, unsealed, sealNumber, sealHash, faults }: VerifyAuditResponse): string[] {
  const recent = unsealed === 0n ? "" : `, ${countOf(unsealed, "later one is", "later ones are")} not sealed yet`;
  const lines = [
    intact
      ? `intact: ${countOf(sealed, "entry is as it was", "entries are as they were")} sealed${recent}`
      : `${cli.out.style("red", "not intact")}: ${countOf(sealed, "entry", "entries")} compared${recent}`,
    ...faults.map(({ seal, number, description }) => `  ${placeOf(seal, number)}: ${description}`),
  ];
  if (sealNumber > 0n) lines.push(`seal ${sealNumber}:${sealHash}`);
  return lines;
}

function placeOf(seal: bigint, number: bigint): string {
  return number === 0n ? `seal ${seal}` : `seal ${seal}, entry ${number}`;
}
