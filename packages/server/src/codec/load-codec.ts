/**
 * Owns finding the codecs of users: the default export of a module.
 * Must not know: listeners.
 * Invariant: what it returns came from `defineCodec`.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { importFault } from '../import-fault.ts'
import { type CodecDefinition, isCodecDefinition } from './codec.ts'

/**
 * @param path of the module, from the working directory
 * @throws Error that names the module, what is wrong with it and what was expected
 */
export async function loadCodec(path: string): Promise<CodecDefinition> {
  const file = resolve(path)
  const module = await importModule(file, path)
  const definition: unknown = typeof module === 'object' && module !== null ? Reflect.get(module, 'default') : undefined
  if (isCodecDefinition(definition)) return definition
  throw new Error(`codec=${path}: ${file} must have a default export made by defineCodec({ name, create })`)
}

async function importModule(file: string, path: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (cause) {
    throw new Error(`codec=${path}: ${file} cannot be loaded: ${importFault(cause)}`, { cause })
  }
}
