import { SettingsError } from "#shared/config/read-settings.ts";
import { choice, text } from "#shared/config/settings.ts";
import { readCertificates, type TlsFiles } from "./tls-certificates.ts";

/** What a service reads of TLS; the same for all services of a mesh. */
export const TLS_SETTINGS = {
  tls: choice({
    name: "COS_TLS",
    about:
      "Whether listeners speak TLS (1.3). `auto`: where `COS_TLS_CERT` and `COS_TLS_KEY` are set. `off`: not, whatever is set. " +
      "`upstream`: not, because something before them does, which alone reaches them; whoever comes through it needs a token, " +
      "on loopback too.",
    fallback: "auto",
    choices: ["auto", "off", "upstream"],
  }),
  tlsCert: text({
    name: "COS_TLS_CERT",
    about:
      "The file of the listeners' certificate in PEM, with its chain; read again when it changes. Names in it, without " +
      "wildcards, are allowed as `Host`.",
    fallback: undefined,
  }),
  tlsKey: text({
    name: "COS_TLS_KEY",
    about: "The file of the certificate's private key in PEM; only its owner, and perhaps a group, may read it.",
    fallback: undefined,
  }),
  tlsClientCa: text({
    name: "COS_TLS_CLIENT_CA",
    about:
      "The file, in PEM, of who signs the certificates of clients. Whoever shows one that is not so signed is cut; whoever " +
      "shows none needs a token. Unset: certificates of clients are not asked for.",
    fallback: undefined,
  }),
} as const;

/** The values of `TLS_SETTINGS`. */
export interface TlsSettings {
  readonly tls: "auto" | "off" | "upstream";
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsClientCa: string | undefined;
}

/**
 * The files of the listeners' TLS, which have been read once to see that they are fit; undefined: the listeners speak none.
 * Throws SettingsError with every fault.
 */
export function readTls(settings: TlsSettings): TlsFiles | undefined {
  const { tls, tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = settings;
  if (tls === "off") return undefined;
  const given = [
    ["COS_TLS_CERT", cert],
    ["COS_TLS_KEY", key],
    ["COS_TLS_CLIENT_CA", clientCa],
  ].flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length === 0) return undefined;
  if (tls === "upstream") {
    throw new SettingsError([`COS_TLS=upstream says that these listeners speak no TLS: unset ${given.join(" and ")}`]);
  }
  if (cert === undefined || key === undefined) {
    const missing = [...(cert === undefined ? ["COS_TLS_CERT"] : []), ...(key === undefined ? ["COS_TLS_KEY"] : [])];
    const ask = given.length === 1 ? "asks" : "ask";
    throw new SettingsError([`${given.join(" and ")} ${ask} for TLS: set ${missing.join(" and ")} too`]);
  }
  const files = { cert, key, clientCa };
  readCertificates(files);
  return files;
}
