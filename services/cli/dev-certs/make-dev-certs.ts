import { X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CLIENT_SETTINGS } from "#shared/config/client-settings.ts";
import { readSettings } from "#shared/config/read-settings.ts";
import type { Cli } from "../cli.ts";
import type { DevCertsOptions } from "../commands/dev-certs.ts";
import { EXIT } from "../exit-codes.ts";
import {
  type Authority,
  makeAuthority,
  makeClientCertificate,
  makeServerCertificate,
  readAuthority,
  type Validity,
} from "./make-certificates.ts";
import { writePair } from "./write-pair.ts";

/** Names under which a machine knows itself. */
const OWN_HOSTS = ["localhost", "127.0.0.1", "::1"] as const;
/** Ten years: whoever has told a browser to trust it need not do so again. */
const AUTHORITY_DAYS = 3_650;

/** Makes certificates for trying TLS, by an authority that is kept from one time to the next, and says what to set. */
export async function makeDevCerts(cli: Cli, options: DevCertsOptions): Promise<number> {
  const folder = options.out === undefined ? usualFolder(cli) : resolve(options.out);
  const now = new Date();
  const validity: Validity = { now, days: options.days };
  await mkdir(folder, { recursive: true });
  const authority = await keptAuthority(folder, now);

  const hosts = [...new Set([...OWN_HOSTS, ...(options.host ?? [])])] as [string, ...string[]];
  await writePair(folder, "server", await makeServerCertificate(authority, hosts, validity));
  const clients = (options.client ?? []).map((name) => ({ name, file: clientFile(name) }));
  for (const { name, file } of clients) {
    await writePair(folder, file, await makeClientCertificate(authority, [name], validity));
  }
  await cli.out.write(explanation(folder, hosts, clients));
  return EXIT.ok;
}

/** Beside what `npm start` keeps. Throws SettingsError. */
function usualFolder({ terminal: { env, root } }: Cli): string {
  const { dataDir } = readSettings(env, { dataDir: CLIENT_SETTINGS.dataDir });
  return resolve(root, dataDir, "certs");
}

/** The authority of the folder; a new one where there is none, or one that has ended. */
async function keptAuthority(folder: string, now: Date): Promise<Authority> {
  const [cert, key] = await Promise.all(
    ["ca.pem", "ca.key"].map((file) => readFile(join(folder, file), "utf8").catch(() => undefined)),
  );
  if (cert !== undefined && key !== undefined && new X509Certificate(cert).validToDate > now) {
    return readAuthority({ cert, key });
  }
  const fresh = await makeAuthority({ now, days: AUTHORITY_DAYS });
  await writePair(folder, "ca", fresh);
  return fresh;
}

/** `spiffe://cos/ns/graph`: `client-ns-graph`. */
function clientFile(name: string): string {
  const [, , , ...path] = name.split("/");
  return ["client", ...path].join("-");
}

interface Client {
  readonly name: string;
  readonly file: string;
}

function explanation(folder: string, hosts: readonly string[], clients: readonly Client[]): string {
  const at = (file: string) => join(folder, file);
  const [client] = clients;
  const lines = [
    `Made in ${folder}, by the authority ca.pem:`,
    `  server  ${hosts.join(", ")}`,
    ...clients.map(({ name, file }) => `  client  ${name} (${file}.pem)`),
    "",
    "The services read:",
    `  COS_TLS_CERT=${at("server.pem")}`,
    `  COS_TLS_KEY=${at("server.key")}`,
    ...(client === undefined ? [] : [`  COS_TLS_CLIENT_CA=${at("ca.pem")}`]),
    "The command and other clients read:",
    `  COS_TLS_CA=${at("ca.pem")}`,
    ...(client === undefined
      ? []
      : [`  COS_TLS_CLIENT_CERT=${at(`${client.file}.pem`)}`, `  COS_TLS_CLIENT_KEY=${at(`${client.file}.key`)}`]),
    "",
    "They are for trying it. Whoever has ca.key can pass for any server and client of this mesh.",
  ];
  return `${lines.join("\n")}\n`;
}
