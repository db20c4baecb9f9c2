/**
 * Owns which hosts are names that DNS can be asked for, and how they are written.
 * Must not know: who is asked.
 */
import { domainToASCII } from 'node:url'

const NAME_LENGTH_MAX = 253
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

/** A host as DNS writes it: ASCII, small letters, no dot at the end. Undefined for what is no name. */
export function dnsNameOf(host: string): string | undefined {
  const bare = host.endsWith('.') ? host.slice(0, -1) : host
  const name = /^[\x21-\x7e]+$/.test(bare) ? bare.toLowerCase() : domainToASCII(bare)
  if (name === '' || name.length > NAME_LENGTH_MAX) return undefined
  return name.split('.').every((label) => LABEL.test(label)) ? name : undefined
}

/** Whether a name is this machine's own, whatever DNS says (RFC 6761, 6.3). */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}
