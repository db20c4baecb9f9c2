/**
 * Owns the version that the daemon says it is.
 * Must not know: who asks.
 */
import { createRequire } from 'node:module'

function readVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('../package.json')
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new Error('package.json has no version')
}

export const VERSION = readVersion()
/** What WELCOME says of the server. */
export const SERVER_NAME = `shardwire/${VERSION}`
