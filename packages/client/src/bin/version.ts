/**
 * Owns the version of the client, as its package.json says it.
 * Must not know: who asks.
 * Invariant: the file stands two folders above this one, for sources as for the compiled program.
 */
import { readFileSync } from 'node:fs'

export function clientVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new Error('package.json of the client has no version')
}
