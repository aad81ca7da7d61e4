/**
 * Thrown by a handler that did not try: others may have the event, and it has not failed. (On a followed stream there are no others: there
 * it is a failure like any.)
 */
export class ReleaseEvent extends Error {
  override readonly name = "ReleaseEvent";
}
