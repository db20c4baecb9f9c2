/**
 * Owns the rule between the two rows of the PROXY protocol.
 * Must not know: how either is parsed.
 * Invariant: a header that is expected from nobody, or a proxy that is trusted with nothing, stops the start.
 */
import type { Config } from './config.ts'
import { OPTIONS } from './options.ts'
import type { Problem } from './problem.ts'

/** @param bad options whose own value was bad: what stands in their place is not held against anybody */
export function checkProxy({ proxyProtocol, proxyTrusted }: Config, bad: ReadonlySet<string>): Problem[] {
  const { name: protocol, example: version } = OPTIONS.proxyProtocol
  const { name: trusted, example: networks } = OPTIONS.proxyTrusted
  if (bad.has(protocol) || bad.has(trusted)) return []
  const [isOn, isTrusting] = [proxyProtocol !== 'off', proxyTrusted !== null]
  if (isOn === isTrusting) return []
  if (isOn) {
    return [
      {
        name: trusted,
        value: '',
        expected: `${trusted} to be the networks of the proxies while ${protocol} is on`,
        example: `${trusted}=${networks}`,
        message: `${protocol} is ${proxyProtocol} and ${trusted} is not set: no header would be read from anybody`,
      },
    ]
  }
  return [
    {
      name: protocol,
      value: proxyProtocol,
      expected: `${protocol} to be v1, v2 or any while ${trusted} is set`,
      example: `${protocol}=${version}`,
      message: `${trusted} is ${proxyTrusted?.join(',') ?? ''} and ${protocol} is off: their headers would not be read`,
    },
  ]
}
