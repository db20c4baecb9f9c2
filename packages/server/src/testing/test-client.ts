/**
 * Owns who a test says that it is, and the HELLO that says so.
 * Must not know: connections.
 */
import { encodeHello, PROTOCOL_VERSION } from '@shardwire/protocol'
import type { TlsPeer } from '../service/tls-peer.ts'

/** Who connects. */
export interface TestClient {
  /** `127.0.0.1` unless set. */
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  /** Who it is by its certificate, as if TLS had found that out; without it there is no TLS. */
  readonly tls?: Partial<TlsPeer> | undefined
  /** False is a client that says no HELLO; any other does, first of all. */
  readonly hello?: false | undefined
  /** Sent with HELLO, for `authenticate`. */
  readonly token?: string | undefined
  /** What the client calls itself in HELLO. */
  readonly name?: string | undefined
  readonly version?: string | undefined
  /** What the connection has as its attributes before the service sees it. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}

/** What this client says first. @throws TypeError for one that says no HELLO, and something with it */
export function helloOf({ hello, token, name, version }: TestClient): Uint8Array | undefined {
  const said = Object.entries({ token, name, version }).filter(([, value]) => value !== undefined)
  if (hello !== false) return encodeHello({ protocol: PROTOCOL_VERSION, ...Object.fromEntries(said) })
  const [unsaid] = said
  if (unsaid !== undefined) throw new TypeError(`hello: false says nothing, and ${unsaid[0]} goes with HELLO`)
  return undefined
}
