/** Something that the person at the terminal has to put right; the message says what and how, in one line. */
export class LaunchFault extends Error {
  override readonly name = "LaunchFault";
  /** The exit code of the launcher: 2 for a setting, 1 for everything else. */
  readonly exitCode: 1 | 2;

  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
