export interface StreamLimits {
  /** The heartbeat of a request that names none. */
  readonly heartbeatMs: number;
  /** A stream ends with GoAway CONNECTION_AGE after so long, so that new replicas get their share; 0: never. */
  readonly ageMaxMs: number;
  /** What is read from the log for one frame. */
  readonly readEventsMax: number;
  readonly readBytesMax: number;
  /** How long to wait before the log is asked again after a failure. */
  readonly logRetryMs: number;
  /** How long a stream that needs the log outlasts its absence. */
  readonly logOutageMaxMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  heartbeatMs: 10_000,
  ageMaxMs: 0,
  readEventsMax: 1_000,
  // A little under a frame, for the tags and lengths that come on top.
  readBytesMax: 1_040_000,
  logRetryMs: 500,
  logOutageMaxMs: 60_000,
};
