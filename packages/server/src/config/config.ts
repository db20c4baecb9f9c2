/**
 * Owns the complete configuration: what the primary and the workers are given, and how it is put together.
 * Must not know: environments, texts, problems.
 * Invariant: it is plain data, frozen to the bottom, and survives JSON; every listener has all of its limits.
 */
import { addressText, type ListenAddress, type ListenerLimits } from './listen-address.ts'
import type { Source } from './option.ts'
import type { OptionValues } from './options.ts'

export interface Listener extends ListenerLimits {
  readonly scheme: 'tcp'
  /** IPv4, IPv6 without brackets (then with %zone), or a name. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly codec: 'frame'
  /** `tcp://host:port`, as logs and problems name it; port 0 as it was written. */
  readonly address: string
}

/** One property per row of the option table, named after its variable. */
export interface Config extends Omit<OptionValues, 'listen'> {
  readonly listen: readonly Listener[]
}

/** Where each property came from. */
export type Sources = { readonly [Key in keyof Config]: Source }

export function completeConfig(values: OptionValues): Config {
  return deepFreeze({ ...values, listen: values.listen.map((address) => completeListener(address, values)) })
}

function completeListener({ limits, ...address }: ListenAddress, values: ListenerLimits): Listener {
  const { heartbeatMs, idleTimeoutMs, maxFrameBytes } = values
  return { ...address, address: addressText(address), heartbeatMs, idleTimeoutMs, maxFrameBytes, ...limits }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
