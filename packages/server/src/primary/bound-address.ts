/**
 * Owns what is told of the addresses that the daemon listens on.
 * Must not know: how listening is done.
 */
import type { ListenPlace } from '../config/listen-address.ts'
import type { Config } from '../config/load-config.ts'
import type { BoundPlace } from './entrance.ts'

const NO_LISTENER = { scheme: 'tcp', address: '', codec: 'frame' } as const

/** @property configured the address as it was configured */
export type BoundAddress = BoundPlace & {
  /** Of a socket that was handed on: what it is. */
  readonly scheme: Exclude<ListenPlace['scheme'], 'fd'>
  readonly configured: string
  /** What is spoken there: frame, json, line, raw, or the path of a module. */
  readonly codec: string
}

/** @param bound in the order of the configuration */
export function boundAddresses(bound: readonly BoundPlace[], { listen }: Config): BoundAddress[] {
  return bound.map((place, index) => {
    const { scheme, address, codec } = listen[index] ?? NO_LISTENER
    return { ...place, scheme: scheme === 'fd' ? schemeOf(place) : scheme, configured: address, codec }
  })
}

function schemeOf(bound: BoundPlace): 'tcp' | 'unix' {
  return 'port' in bound ? 'tcp' : 'unix'
}
