import type { Batch, CaughtUp, Checkpoint, FellBehind, GoAway, Started } from "#gen/cos/highway/v1/highway_pb.ts";

/**
 * One frame of any stream of the mesh: what the `frame` of each streaming answer has in common, so that the client half
 * of the highway depends on no service's own package. Frames of another kind are ignored.
 */
export interface Frame {
  readonly frame:
    | { readonly case: "started"; readonly value: Started }
    | { readonly case: "batch"; readonly value: Batch }
    | { readonly case: "checkpoint"; readonly value: Checkpoint }
    | { readonly case: "caughtUp"; readonly value: CaughtUp }
    | { readonly case: "fellBehind"; readonly value: FellBehind }
    | { readonly case: "goAway"; readonly value: GoAway }
    | { readonly case: undefined; readonly value?: undefined };
}
