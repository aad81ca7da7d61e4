/** Something that cannot be recorded as it stands: what is wrong with it, and where, as a field's path. */
export class LineFault extends Error {
  override readonly name = "LineFault";
  /** The contract's spelling, `memory.occurred_at`; empty: none in particular. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}
