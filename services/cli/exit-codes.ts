/** How the command ended, for scripts; `cos help` shows the same table. */
export const EXIT = {
  ok: 0,
  /** It failed, or some of it did. */
  failed: 1,
  /** What was asked for, or a setting, makes no sense. */
  usage: 2,
  notFound: 3,
  /** The server, or an engine of it, is away. */
  unavailable: 4,
  /** Ctrl-C: 128 + SIGINT. */
  interrupted: 130,
} as const;

export const EXIT_HELP = `
Exit codes:
  0    done
  1    it failed, or a part of it did
  2    a wrong option, argument or setting
  3    not found
  4    COS is away, or an engine of it
  130  ended by Ctrl-C`;
