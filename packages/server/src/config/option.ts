/**
 * Owns the shape of a row of the option table, and where a value can come from.
 * Must not know: the rows.
 * Invariant: a row says all there is to say about its option: parsing, printing and documentation ask nothing else.
 */
import type { Machine } from './machine.ts'
import type { Kind } from './value-kinds.ts'

export type OptionName = `SHARDWIRE_${string}`

/**
 * Where a value came from: its variable, that variable in the file of SHARDWIRE_ENV_FILE, the file that NAME_FILE
 * names, a fixed default, or one from the machine; or `shardwire dev`, which sets some where nobody else did.
 */
export type Source = 'environment' | 'env file' | 'file' | 'default' | 'computed' | 'dev'

/** Values of the rows above, by key, for a default that is computed from them. */
export type ValuesAbove = Readonly<Record<string, unknown>>

export interface Fallback<T> {
  readonly source: 'default' | 'computed'
  /** As the documentation shows it; of a fixed default the text that would set it. */
  readonly text: string
  of(machine: Machine, above: ValuesAbove): T
}

export interface Option<T> {
  readonly name: OptionName
  readonly kind: Kind<T>
  readonly fallback: Fallback<T>
  /** One sentence. */
  readonly meaning: string
  /** A value that is accepted, and is not the default wherever there is another. */
  readonly example: string
  /** Never printed; may come from the file that NAME_FILE names. */
  readonly secret?: true
  /** A reload cannot change it: what the primary made of it at the start stays. */
  readonly needsRestart?: true
}

/** Any set of rows, by the key of the configuration that each fills. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>

/** A default that is the same everywhere. */
export function fixed<const T>(value: T, text = String(value)): Fallback<T> {
  return { source: 'default', text, of: () => value }
}

/** A default that follows from the machine, or from the rows above. */
export function computed<T>(text: string, of: Fallback<T>['of']): Fallback<T> {
  return { source: 'computed', text, of }
}
