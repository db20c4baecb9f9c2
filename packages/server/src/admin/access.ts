/**
 * Owns who may do what by the admin server.
 * Must not know: what is done.
 * Invariant: tokens come in a header, never in an address or a cookie, so that no page of another origin can send one;
 * they are compared in constant time. What may be read without a token is told to nobody who comes by a name that is
 * not ours: a page whose name was made to stand for this address (DNS rebinding) reads nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { isLoopback } from '../config/admin-address.ts'
import type { Config } from '../config/load-config.ts'

/** What a request wants: health, or the page, which say nothing and are for everybody; reading; or acting. */
export type Need = 'health' | 'page' | 'read' | 'act'

export type AccessSettings = Pick<Config, 'admin' | 'adminToken' | 'adminRead' | 'adminReadToken'>

/** The headers that say who asks. */
export interface Credentials {
  readonly authorization?: string | undefined
  readonly host?: string | undefined
  /** What a browser says of where a request comes from. */
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

export interface Denial {
  readonly status: 401 | 403 | 421
  readonly message: string
}

const TOKEN_ADVICE = 'send it as the header Authorization: Bearer TOKEN'

/** @returns why not; undefined when it may */
export function denialOf(need: Need, asked: Credentials, settings: AccessSettings): Denial | undefined {
  if (need === 'health' || need === 'page') return undefined
  const site = asked['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') {
    return { status: 403, message: 'a page of another origin may not ask here' }
  }
  const { adminToken, adminReadToken } = settings
  if (need === 'act') return tokenDenial(asked, [adminToken], 'SHARDWIRE_ADMIN_TOKEN')
  if (!readNeedsToken(settings)) return hostDenial(asked.host, settings)
  return tokenDenial(asked, [adminToken, adminReadToken], 'SHARDWIRE_ADMIN_TOKEN or SHARDWIRE_ADMIN_READ_TOKEN')
}

/** Whether reading takes a token. */
export function readNeedsToken({ admin, adminRead }: AccessSettings): boolean {
  if (adminRead !== 'auto') return adminRead === 'token'
  return admin !== 'off' && !isLoopback(admin.host)
}

function tokenDenial(
  { authorization }: Credentials,
  accepted: readonly (string | null)[],
  names: string,
): Denial | undefined {
  const tokens = accepted.filter((token) => token !== null)
  if (tokens.length === 0) return { status: 403, message: `this takes a token, and none is set: set ${names}` }
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (given === undefined) return { status: 401, message: `this takes the token of ${names}: ${TOKEN_ADVICE}` }
  const isRight = tokens.filter((token) => isSame(token, given)).length > 0
  return isRight ? undefined : { status: 401, message: `that is not the token of ${names}` }
}

/** Of any two texts the hashes have one length, and take one time to compare. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(hashOf(one), hashOf(other))
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** An address cannot be rebound; of names only this machine's own and the configured one are ours. */
function hostDenial(header: string | undefined, { admin }: AccessSettings): Denial | undefined {
  // Without the header it is HTTP/1.0, which no browser speaks.
  if (header === undefined) return undefined
  const host = header
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  const isOurs = isIP(host) !== 0 || host === 'localhost' || (admin !== 'off' && host === admin.host)
  if (isOurs) return undefined
  return {
    status: 421,
    message: `the host ${JSON.stringify(header)} is none of this server: ask by its address, or by localhost`,
  }
}
