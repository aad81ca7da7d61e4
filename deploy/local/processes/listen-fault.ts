import { createServer } from "node:net";
import { formatListen, type Listen } from "#shared/config/settings.ts";
import { LaunchFault } from "../launch-fault.ts";

/** Answers with the error code that a listener on the address would meet (`EADDRINUSE`), or undefined. */
export function listenFault({ host, port }: Listen): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}

/** The one line about an address that cannot be had, naming the variable that decides it. */
export function takenPort(variable: string, listen: Listen, code: string): LaunchFault {
  const why = code === "EADDRINUSE" ? "is in use by another program" : `cannot be listened on (${code})`;
  return new LaunchFault(`${variable}: ${formatListen(listen)} ${why}; free it or choose another one`, { exitCode: 2 });
}
