/**
 * Owns making an object useless to whoever still holds it, so that its next use says what is wrong.
 * Must not know: requests, logs.
 * Invariant: a typed array stays a real one, for code below JavaScript may still read from it; only what is asked of it
 * by name fails. An index never reaches the prototype, so its memory has to be overwritten besides.
 */

/**
 * Makes the error for a use that comes too late.
 * @param use as it stands in code, e.g. `.length`
 * @param below the function below which the user's own frames begin, for `Error.captureStackTrace`
 */
export type Complain = (use: string, below: (...parameters: never[]) => unknown) => Error

/** Makes every later use of `object` by a name, its own `ownNames` among them, throw what `complain` makes. */
export function makeStale(object: object, ownNames: readonly string[], complain: Complain): void {
  for (const name of ownNames) Reflect.deleteProperty(object, name)
  const refuse = (_: object, key: string | symbol): never => {
    throw complain(typeof key === 'symbol' ? `[${key.description ?? 'symbol'}]` : `.${key}`, refuse)
  }
  const refusePrototype = (): never => {
    throw complain('instanceof', refusePrototype)
  }
  const traps = { get: refuse, set: refuse, has: refuse, getPrototypeOf: refusePrototype }
  Reflect.setPrototypeOf(object, new Proxy<object>(Object.create(null) as object, traps))
}
