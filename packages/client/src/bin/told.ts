/**
 * Owns what is said to people: errors and times.
 * Must not know: who reads it, commands.
 * Invariant: one line each, unless an error brings details.
 */
import { ShardwireError } from '@shardwire/protocol'
import type { DialReport } from '../connection-api.ts'
import { shownValue } from './values.ts'

/** What an error says: its name, its text, whether to try again. */
export function errorText(error: unknown): string {
  if (error instanceof ShardwireError) return `${error.name}: ${error.message}${retryText(error)}${detailsText(error)}`
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? `${error.code}: ${error.message}` : error.message
}

function retryText({ retryable, retryAfterMs }: ShardwireError): string {
  if (!retryable) return ''
  return retryAfterMs === undefined ? ' (may be tried again)' : ` (may be tried again in ${retryAfterMs} ms)`
}

function detailsText({ details }: ShardwireError): string {
  return details === undefined ? '' : `\n  ${shownValue(details)}`
}

/** How the connection came about. */
export function dialText({ address, phases, tries, tls }: DialReport): string {
  const times = phases.map(({ phase, tookMs }) => `${phase} ${msText(tookMs)}`).join(', ')
  const failed = tries.map(({ address: other, error }) => `; ${other} failed: ${error.message}`).join('')
  const resumed = tls?.resumed === true ? ', resumed' : ''
  return `connected to ${address}${tls === undefined ? '' : ` with ${tls.protocol}${resumed}`}: ${times}${failed}`
}

export function msText(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`
}
