import { createSecretKey, randomBytes } from "node:crypto";

/** A key of an epoch's own for its resume tokens. */
export const someTokenKey = () => createSecretKey(randomBytes(32));
