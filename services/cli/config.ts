import { readSettings, type Settings } from "#shared/config/read-settings.ts";
import type { Setting } from "#shared/config/settings.ts";

/** `host:port`, or a target that gRPC resolves by itself, such as `dns:///conductor.cos:50051`. */
export function parseAddress(value: string): string {
  const [, port] = /^(?:dns:\/{2,3})?(?:\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(value) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65_535) return value;
  throw new Error("must be host:port, such as 127.0.0.1:50051");
}

const conductorAddress: Setting<string> = {
  name: "COS_CONDUCTOR_ADDRESS",
  about: "Where the `cos` command finds the conductor.",
  shown: "127.0.0.1:50051",
  fallback: "127.0.0.1:50051",
  parse: parseAddress,
};

/** What the `cos` command reads from the environment. */
export const cliSpec = { conductorAddress };

/** Throws SettingsError. */
export function readCliSettings(env: Readonly<Record<string, string | undefined>>): Settings<typeof cliSpec> {
  return readSettings(env, cliSpec);
}
