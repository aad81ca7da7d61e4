import { isLoopback } from "#shared/config/listen-of.ts";

export const AUTH_MODES = ["local", "required", "insecure"] as const;

/** Who is let in without a token: whoever is on this machine, nobody, or anybody. */
export type AuthMode = (typeof AUTH_MODES)[number];

export interface Exposure {
  /** What `COS_AUTH` says; undefined: nothing. */
  readonly auth: AuthMode | undefined;
  /** The hosts of all listeners but the health port's. */
  readonly hosts: readonly string[];
  /** Whether the listeners speak TLS. */
  readonly tlsOn: boolean;
  /** What `COS_TLS` says. */
  readonly tls: "auto" | "off" | "upstream";
}

/**
 * The mode that was chosen; else `local` while only this machine reaches the listeners, and `required` otherwise. With
 * `COS_TLS=upstream` something before the listeners lets others reach them, wherever they are.
 */
export function authModeOf({ auth, hosts, tls }: Pick<Exposure, "auth" | "hosts" | "tls">): AuthMode {
  return auth ?? (tls !== "upstream" && hosts.every(isLoopback) ? "local" : "required");
}

/** Why a process must not listen like this: one sentence that says what to set, or none. */
export function authFaults(exposure: Exposure): string[] {
  const { hosts, tlsOn, tls } = exposure;
  const mode = authModeOf(exposure);
  const way = wayIn(hosts, tls);
  if (way === undefined || mode === "insecure") return [];
  const needed = [
    ...(mode === "required" ? [] : ["COS_AUTH=required"]),
    ...(tlsOn || tls === "upstream" ? [] : [TLS_NEEDED[tls]]),
  ];
  if (needed.length === 0) return [];
  return [
    `other machines reach a listener ${way}: set ${needed.join(" and ")}; ` +
      "or COS_AUTH=insecure, if the network itself keeps strangers out",
  ];
}

/** How other machines reach a listener; undefined: they do not. */
function wayIn(hosts: readonly string[], tls: Exposure["tls"]): string | undefined {
  const exposed = hosts.find((host) => !isLoopback(host));
  if (exposed !== undefined) return `on ${exposed}`;
  return tls === "upstream" ? "through what does the TLS in front of it (COS_TLS=upstream)" : undefined;
}

const IN_FRONT = "COS_TLS=upstream, where something in front does the TLS";
const TLS_NEEDED = {
  auto: `COS_TLS_CERT and COS_TLS_KEY (or ${IN_FRONT})`,
  off: `COS_TLS_CERT and COS_TLS_KEY without COS_TLS=off, which forbids TLS (or ${IN_FRONT})`,
} as const;
