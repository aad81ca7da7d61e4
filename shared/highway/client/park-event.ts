/**
 * Thrown by a handler for an event that no further try will help: a consumer's becomes a dead letter with this message; a followed
 * stream, where nobody else would keep it, ends with this error.
 */
export class ParkEvent extends Error {
  override readonly name = "ParkEvent";
}
