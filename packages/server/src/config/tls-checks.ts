/**
 * Owns the rules between the TLS options: what a tls:// address needs, and what one option is without another.
 * Must not know: what is in the files.
 * Invariant: without a tls:// address only what is half set is a problem.
 */
import type { Config } from './config.ts'
import { type OptionName } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Problem } from './problem.ts'

/** @param bad options whose own value was bad: what stands in their place is not held against anybody */
export function checkTls(config: Config, bad: ReadonlySet<string>): Problem[] {
  const { tlsCert, tlsKey, tlsCa, tlsClientAuth, tlsSpiffeAllow, listen } = config
  const tls = listen.find(({ scheme }) => scheme === 'tls')
  const problems: Problem[] = []
  const missing = (option: OptionName, example: string, why: string): void => {
    if (bad.has(option)) return
    const message = `${option} is not set, but ${why}`
    problems.push({ name: option, value: '-', expected: expectedOf(option), example: `${option}=${example}`, message })
  }
  if (tlsCert === null && (tls !== undefined || tlsKey !== null)) {
    const why = tlsKey === null ? `${tls?.address ?? ''} needs a certificate` : 'SHARDWIRE_TLS_KEY is: a pair has both'
    missing('SHARDWIRE_TLS_CERT', OPTIONS.tlsCert.example, why)
  }
  if (tlsKey === null && (tls !== undefined || tlsCert !== null)) {
    const why = tlsCert === null ? `${tls?.address ?? ''} needs a key` : 'SHARDWIRE_TLS_CERT is: a pair has both'
    missing('SHARDWIRE_TLS_KEY', OPTIONS.tlsKey.example, why)
  }
  if (tlsCa === null && tlsClientAuth !== 'none') {
    const why = `SHARDWIRE_TLS_CLIENT_AUTH is ${tlsClientAuth}: no certificate of a client could be valid`
    missing('SHARDWIRE_TLS_CA', OPTIONS.tlsCa.example, why)
  }
  if (tlsSpiffeAllow !== null && tlsClientAuth === 'none' && !bad.has('SHARDWIRE_TLS_CLIENT_AUTH')) {
    problems.push({
      name: 'SHARDWIRE_TLS_CLIENT_AUTH',
      value: 'none',
      expected: 'request or require where SHARDWIRE_TLS_SPIFFE_ALLOW is set',
      example: 'SHARDWIRE_TLS_CLIENT_AUTH=require',
      message:
        'SHARDWIRE_TLS_CLIENT_AUTH is none and SHARDWIRE_TLS_SPIFFE_ALLOW is set: nobody would be asked for a ' +
        'certificate, and everybody let in',
    })
  }
  return problems
}

function expectedOf(name: OptionName): string {
  const row = Object.values(OPTIONS).find((option) => option.name === name)
  return row?.kind.expected ?? ''
}
