import type { Cli } from "./cli.ts";

/** What grpc-js puts around the reason for which it found nobody. */
const WRAPPING = /^No connection established\. Last error: (?:Error: )?(.*?)\s*(?:\. Resolution note:.*)?$/s;

/** A connection that was taken and then cut. TLS 1.3 tells a client in no other way that its certificate is refused. */
const CUT = /Failed to connect|ECONNRESET|EPIPE|socket hang up|socket disconnected|Connection dropped|alert/;

/**
 * Of a connection that failed: nobody there, somebody who speaks otherwise or is not believed, or gone in the middle of the call;
 * then it may have had its effect. The message is grpc-js's.
 */
export function explainAbsence(
  message: string,
  { address, showsCertificate, service }: Pick<Cli, "address" | "showsCertificate"> & Partial<Pick<Cli, "service">>,
): string {
  const found = WRAPPING.exec(message)?.[1] ?? "";
  if (found === "" && !/ECONNREFUSED|Name resolution failed/.test(message)) {
    const disbelief = showsCertificate && CUT.test(message) ? `, perhaps because ${DISBELIEF}` : "";
    return `the connection to COS at ${address} was lost${disbelief}, whether or not the call was carried out: ${message}`;
  }
  if (/wrong version number/.test(found))
    return `whoever is at ${address} speaks no TLS: leave out https:// and COS_TLS_CA`;
  if (/ALTNAME/.test(found)) return `COS at ${address} has no certificate for that name: ${found}`;
  if (showsCertificate && CUT.test(found)) {
    return `whoever is at ${address} cut the connection, perhaps because ${DISBELIEF} (the server's COS_TLS_CLIENT_CA names who signs those)`;
  }
  if (/certificate|unable to (?:get|verify)/i.test(found)) {
    return `COS at ${address} is not believed (${found}): COS_TLS_CA names the certificates that vouch for it`;
  }
  if (CUT.test(found)) {
    // Somebody took the connection and did not go on: most likely it waits for TLS.
    const remedy = address.startsWith("https://") ? "" : ": if it speaks TLS, begin the address with https://";
    return `whoever is at ${address} does not answer as COS${remedy}`;
  }
  if (service === "graph") return `the graph does not answer at ${address}: is \`npm start\` running?`;
  return `no COS at ${address}: start it with \`npm start\``;
}

const DISBELIEF = "it does not believe the certificate of COS_TLS_CLIENT_CERT";
