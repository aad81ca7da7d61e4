import { isLoopback } from "#shared/config/listen-of.ts";
import { findAuthority } from "./find-authority.ts";
import { LAUNCHER_SETTINGS } from "./settings.ts";

const COMMAND = 'npx cos record "Up betimes and to my office" --module cc --tag diary';
const CLI_DEFAULT = "http://127.0.0.1:50051";

/** What the `cos` command may not find by itself. */
export interface Surroundings {
  /** Where the conductor is; undefined: where it usually is. */
  readonly origin: string | undefined;
  /** The file of its certificate; undefined: it speaks no TLS. */
  readonly certificate: string | undefined;
  /** The file of the owner's token, if there is one. */
  readonly ownerFile: string | undefined;
  /** `COS_DATA_DIR` as it was given, and where that is. */
  readonly dataDir: string;
  readonly data: string;
}

export interface NextThing {
  /** One line for another terminal, with the variables that the command needs there. */
  readonly command: string;
  /** What else has to be set, if anything. */
  readonly remark: string | undefined;
}

/** One command to try; it finds by itself what is where it usually is. */
export function nextThing({ origin = CLI_DEFAULT, certificate, ...found }: Surroundings): NextThing {
  const authority = certificate === undefined ? undefined : findAuthority(certificate);
  const set: [name: string, value: string | undefined][] = [
    ["COS_CONDUCTOR_ADDRESS", origin === CLI_DEFAULT ? undefined : origin.replace(/^http:\/\//, "")],
    ["COS_TLS_CA", authority],
    ownersToken(origin, found),
  ];
  const words = set.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]));
  const isVouchedFor = certificate === undefined || authority !== undefined;
  return { command: [...words, COMMAND].join(" "), remark: isVouchedFor ? undefined : UNKNOWN_AUTHORITY };
}

/** To its own machine, known by loopback's names, the command shows the owner's token unasked; elsewhere over TLS, if told. */
function ownersToken(
  origin: string,
  { ownerFile, dataDir, data }: Pick<Surroundings, "ownerFile" | "dataDir" | "data">,
): [name: string, value: string | undefined] {
  const { protocol, hostname } = new URL(origin);
  if (!isLoopback(hostname)) return ["COS_TOKEN_FILE", protocol === "https:" ? ownerFile : undefined];
  return ["COS_DATA_DIR", dataDir === LAUNCHER_SETTINGS.dataDir.fallback ? undefined : data];
}

const UNKNOWN_AUTHORITY =
  "COS_TLS_CA must name the authority of the listener's certificate, unless the system knows that.";

/** As a shell takes it for one word. */
function quoted(value: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
