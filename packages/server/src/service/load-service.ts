/**
 * Owns finding the service that a worker runs: the built-in one, or the default export of the user's module.
 * Must not know: routes' meaning.
 * Invariant: what it returns went through `defineService`'s checks.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Clock } from '@shardwire/protocol'
import { importFault } from '../import-fault.ts'
import { createDemoService } from './demo.ts'
import { isService, type Service } from './service.ts'

/**
 * @param path of the module, from the working directory; null for the demo service
 * @throws Error that names the module, what is wrong with it and what was expected
 */
export async function loadService(path: string | null, clock: Clock): Promise<Service> {
  if (path === null) return createDemoService(clock)
  const file = resolve(path)
  const service = defaultExportOf(await importModule(file, path))
  if (isService(service)) return service
  throw new Error(
    `SHARDWIRE_SERVICE=${path}: ${file} must have a default export made by defineService({ name, routes })`,
  )
}

async function importModule(file: string, path: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (cause) {
    const why = importFault(cause)
    throw new Error(`SHARDWIRE_SERVICE=${path}: ${file} cannot be loaded: ${why}`, { cause })
  }
}

function defaultExportOf(module: unknown): unknown {
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
}
