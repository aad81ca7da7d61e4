import { CLIENT_SETTINGS } from "#shared/config/client-settings.ts";
import { readSettings, type Settings } from "#shared/config/read-settings.ts";

/** What the `cos` command reads from the environment: what every client does. */
export const cliSpec = { ...CLIENT_SETTINGS };

export type CliSettings = Settings<typeof cliSpec>;

/** Throws SettingsError. */
export function readCliSettings(env: Readonly<Record<string, string | undefined>>): CliSettings {
  return readSettings(env, cliSpec);
}
