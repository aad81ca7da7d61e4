/** Thrown by a handler that knows when the next try makes sense: not before `delayMs`. Any other error is tried again by the backoff. */
export class RetryEvent extends Error {
  override readonly name = "RetryEvent";
  readonly delayMs: number;

  constructor(delayMs: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.delayMs = delayMs;
  }
}
