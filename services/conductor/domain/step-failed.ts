/** A step of the index failed while it was at a module; nothing of it was kept. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  readonly module: string;

  constructor(module: string, cause: unknown) {
    super("the index could not be moved on", { cause });
    this.module = module;
  }
}
