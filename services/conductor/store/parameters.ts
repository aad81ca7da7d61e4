/** The parameters of a statement that is put together: values go in, `$1`, `$2` ... come out. Nothing else may enter SQL. */
export class Parameters {
  readonly values: unknown[] = [];

  /** The placeholder for a value. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
