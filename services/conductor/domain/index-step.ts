/** How much one step of the index takes in. */
export interface StepLimits {
  readonly memoriesMax: number;
  readonly bytesMax: number;
  /** Modules that a step has failed at. Each is taken in a step of its own, so that what fails is its own. */
  readonly careful?: ReadonlyMap<string, CarefulLimits>;
}

export interface CarefulLimits {
  readonly memoriesMax: number;
  /** Take what comes next as if it said nothing: its text could not be indexed. */
  readonly skipText?: boolean;
}

export interface IndexStep {
  /** Another process is indexing. */
  readonly isElsewhere: boolean;
  /** Positions that were passed, or rows that were removed; 0: there was nothing to do. */
  readonly passed: number;
  /** The modules that were moved on. */
  readonly modules: readonly string[];
  /** What was taken as if it said nothing. */
  readonly passedOver: readonly { readonly module: string; readonly position: number }[];
}
