import type { ProcessEvents } from "./terminal.ts";

/** Those of this process. */
export const processEvents: ProcessEvents = {
  suspend() {
    // 0: the whole group, since the shell waits for the first of it, which may be npm. Windows knows no such thing.
    if (process.platform !== "win32") process.kill(0, "SIGTSTP");
  },
  listen({ leave, resume }) {
    const stop = (): void => {
      leave();
      // The signal itself is taken by this listener; this one cannot be.
      process.kill(process.pid, "SIGSTOP");
    };
    process.on("SIGTSTP", stop).on("SIGCONT", resume);
    // Before it is printed what the process dies of, and whatever else ends it.
    process.on("uncaughtExceptionMonitor", leave).on("exit", leave);
    return () => {
      process.off("SIGTSTP", stop).off("SIGCONT", resume);
      process.off("uncaughtExceptionMonitor", leave).off("exit", leave);
    };
  },
};
