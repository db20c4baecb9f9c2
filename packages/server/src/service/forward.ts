/** Owns the answer that is the body as it came. */

/** What `FORWARD` is by its type, and nothing else is. */
export type Forward = symbol & { readonly shardwire: 'forward' }

/**
 * Returned by a handler to answer with the very bytes of the body: the cheapest answer, copied once and not encoded.
 */
export const FORWARD = Symbol.for('shardwire.forward') as Forward
