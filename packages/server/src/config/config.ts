/**
 * Owns the complete configuration: what the primary and the workers are given, and how it is put together.
 * Must not know: environments, texts, problems.
 * Invariant: it is plain data, frozen to the bottom, and survives JSON; every listener has all of its options.
 */
import { type CodecSettings, hasPing } from './codec-parameters.ts'
import {
  addressText,
  type DescriptorPlace,
  type InternetPlace,
  type ListenAddress,
  type UnixPlace,
} from './listen-address.ts'
import { type ListenerOptions, OWN_PARAMETERS } from './listen-parameters.ts'
import type { Source } from './option.ts'
import type { OptionValues } from './options.ts'

interface ListenerCommon extends ListenerOptions, CodecSettings {
  /** `tcp://host:port`, as logs and problems name it; port 0 as it was written. */
  readonly address: string
}

/**
 * TCP, with TLS over it where the scheme is tls. The host is IPv4, IPv6 without brackets (and with %zone), or a name.
 */
export type InternetListener = ListenerCommon & InternetPlace

export type UnixListener = ListenerCommon & UnixPlace

/** TCP or a Unix socket: that shows only when it is listened on. */
export type DescriptorListener = ListenerCommon & DescriptorPlace

export type Listener = InternetListener | UnixListener | DescriptorListener

/** One property per row of the option table, named after its variable. */
export interface Config extends Omit<OptionValues, 'listen'> {
  readonly listen: readonly Listener[]
}

/** Where each property came from. */
export type Sources = { readonly [Key in keyof Config]: Source }

const OPTION_KEYS = Object.keys(OWN_PARAMETERS) as readonly (keyof ListenerOptions)[]
/** Where nobody can be asked whether he lives, so long a silence has to tell. */
export const IDLE_WITHOUT_PING_MS = 90_000
/** What a Unix socket has in the place of what only TCP has: nothing is set on it. */
const NO_TCP = { nodelay: false, keepaliveMs: 0 } satisfies Partial<ListenerOptions>

/** @param isIdleSet whether somebody set SHARDWIRE_IDLE_TIMEOUT_MS */
export function completeConfig(values: OptionValues, isIdleSet: boolean): Config {
  const withoutPing = { heartbeatMs: 0, ...(isIdleSet ? {} : { idleTimeoutMs: IDLE_WITHOUT_PING_MS }) }
  const listen = values.listen.map((address) => {
    return completeListener(address, hasPing(address.codec) ? values : { ...values, ...withoutPing })
  })
  return deepFreeze({ ...values, listen })
}

function completeListener({ own, ...place }: ListenAddress, values: ListenerOptions): Listener {
  const options = Object.fromEntries(OPTION_KEYS.map((key) => [key, values[key]])) as unknown as ListenerOptions
  const tcpOnly = place.scheme === 'unix' ? NO_TCP : {}
  return { ...place, address: addressText(place), ...options, ...own, ...tcpOnly }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
