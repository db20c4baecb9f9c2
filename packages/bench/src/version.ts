/**
 * Owns the version of the bench, as its package.json says it.
 * Must not know: who asks.
 * Invariant: the file stands one folder above this one, for sources as for the compiled program.
 */
import { readFileSync } from 'node:fs'

export function benchVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new Error('package.json of the bench has no version')
}
