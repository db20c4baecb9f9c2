/**
 * Owns what is kept of a HELLO for the life of its connection: never the token.
 * Must not know: who asks for it.
 */
import type { Hello } from '@shardwire/protocol'
import type { SessionClient } from '../service/connection.ts'

/** Of all that name nothing. */
export const NAMELESS: SessionClient = Object.freeze({ name: undefined, version: undefined })

export function clientOf({ name, version }: Hello): SessionClient {
  return name === undefined && version === undefined ? NAMELESS : { name, version }
}
