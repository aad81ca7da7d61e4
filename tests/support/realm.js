/**
 * Jest runs a test file in a vm context with an `Error` of its own, so an error made by Node's core (a socket's, a
 * file's) fails `instanceof Error` there. `Error` itself, and no subclass of it, therefore asks `Error.isError`.
 */
const ordinary = Function.prototype[Symbol.hasInstance];

Object.defineProperty(Error, Symbol.hasInstance, {
  value(candidate) {
    return this === Error ? Error.isError(candidate) : ordinary.call(this, candidate);
  },
});
