/** The database lacks migrations that the code needs. Waiting does not help: `cos migrate` does. */
export class SchemaOutdatedError extends Error {
  override readonly name = "SchemaOutdatedError";
  /** The migrations that have not run. */
  readonly missing: readonly string[];

  constructor(schema: string, missing: readonly string[]) {
    super(`schema ${schema} lacks ${missing.join(", ")}: run \`cos migrate\``);
    this.missing = missing;
  }
}
