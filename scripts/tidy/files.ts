/**
 * Owns which files the tidy rules see: all text of the repository, committed or about to be, and nothing generated.
 * Walks the tree rather than asking git, so that it sees the same in a clone, in an export and before the first commit.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** What .gitignore keeps out, and git's own: a directory, or in a linked work tree a file. */
const SKIPPED = new Set(['.git', 'node_modules', 'dist', 'dist-packages', '.cache', 'coverage'])
const SKIPPED_FILE = /\.(log|tsbuildinfo)$/

export function readRepository(root: string): SourceFile[] {
  return [...paths(root, '')]
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'))
}

function* paths(root: string, directory: string): Generator<string> {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`
    if (entry.isDirectory()) {
      yield* paths(root, path)
    } else if (entry.isFile() && !SKIPPED_FILE.test(entry.name)) {
      yield path
    }
  }
}
