/**
 * Owns which files of a package's dist no source stands for any more: the compiler writes, but never deletes.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const COMPILED = /(\.d\.ts|\.js)(\.map)?$/

/** Absolute paths; what the compiler did not write (its own build information) is not among them. */
export function leftoversOf(packageFolder: string): string[] {
  const dist = join(packageFolder, 'dist')
  return readdirSync(dist, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && COMPILED.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !existsSync(join(packageFolder, 'src', relative(dist, file).replace(COMPILED, '.ts'))))
}
