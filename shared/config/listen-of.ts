import { isIP } from "node:net";
import { readSettings } from "./read-settings.ts";
import type { Listen, Setting } from "./settings.ts";

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** Where listeners are that have no variable of their own set. */
export const HOST: Setting<string> = {
  name: "COS_HOST",
  about:
    "The address on which all listeners are whose own variable is not set; `0.0.0.0` or `::` for every one. Off loopback `COS_AUTH=required` and TLS are needed.",
  shown: "127.0.0.1",
  fallback: "127.0.0.1",
  parse(value) {
    if (isIP(value) !== 0 || HOST_NAME.test(value)) return value;
    throw new Error("must be an address or a host name, such as 127.0.0.1 or 0.0.0.0, without a port");
  },
};

/**
 * Where a listener is: where its own variable says, else on its usual port of the host that `COS_HOST` names. Throws
 * SettingsError.
 */
export function listenOf(env: Readonly<Record<string, string | undefined>>, setting: Setting<Listen>): Listen {
  const { host, listen } = readSettings(env, { host: HOST, listen: setting });
  const own = env[setting.name];
  return own === undefined || own === "" ? { host, port: listen.port } : listen;
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/i;

/** Whether only this machine reaches a host. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
