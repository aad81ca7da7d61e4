import { SettingsError } from "#shared/config/read-settings.ts";
import { formatListen, type Listen } from "#shared/config/settings.ts";

/** A listener, and the variable that says where it is. */
interface Place {
  readonly variable: string;
  readonly at: Listen;
}

const FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use: stop what listens there, or choose another port",
  EADDRNOTAVAIL: "is no address of this machine",
  EACCES: "needs more rights: choose a port above 1023",
  ENOTFOUND: "is no host that can be found",
};

/** What `open` comes to. Rejects with SettingsError, which names the variable, where an address cannot be listened on. */
export async function listening<T>(
  { main, health }: { readonly main: Place; readonly health: Place | undefined },
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { code, port } = error as NodeJS.ErrnoException & { port?: number };
    const fault = code === undefined ? undefined : FAULTS[code];
    if (fault === undefined) throw error;
    const { variable, at } = health !== undefined && health.at.port === port ? health : main;
    throw new SettingsError([`${variable} ${formatListen(at)} ${fault}`]);
  }
}
