/**
 * Owns the agreement between what the package.json files depend on and what docs/dependencies.md says about it, both
 * ways, and that every version is exact, so that nothing changes without a commit that says so.
 */
import type { SourceFile } from './files.ts'
import type { Violation } from './rules.ts'

const DOCUMENT = 'docs/dependencies.md'
const WORKSPACE_VERSION = 'workspace:*'

interface Dependency {
  readonly name: string
  readonly version: string
  /** The package.json that asks for it. */
  readonly path: string
  readonly line: number
}

export function checkDependencies(files: readonly SourceFile[]): Violation[] {
  const wanted = files.filter(({ path }) => /(^|\/)package\.json$/.test(path)).flatMap(readDependencies)
  const document = files.find(({ path }) => path === DOCUMENT)
  if (document === undefined) {
    return [{ path: DOCUMENT, line: 1, rule: 'dependency-page', message: 'expected this page: a line per dependency' }]
  }
  return [...checkDocumented(wanted, document), ...checkStillUsed(wanted, document), ...checkExact(wanted)]
}

function readDependencies({ path, text }: SourceFile): Dependency[] {
  const manifest = JSON.parse(text) as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>
  const lines = text.split('\n')
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
    .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
    .filter(([, version]) => version !== WORKSPACE_VERSION)
    .map(([name, version]) => {
      const line = lines.findIndex((candidate) => candidate.includes(`"${name}":`)) + 1
      return { name, version, path, line }
    })
}

/** Rows of the page's tables that begin with a name in backquotes, by name; the value is the line, from 1. */
function documentedNames(document: SourceFile): Map<string, number> {
  const names = new Map<string, number>()
  for (const [index, text] of document.text.split('\n').entries()) {
    const name = /^\|\s*`([^`]+)`\s*\|/.exec(text)?.[1]
    if (name !== undefined) names.set(name, index + 1)
  }
  return names
}

function checkDocumented(wanted: readonly Dependency[], document: SourceFile): Violation[] {
  const documented = documentedNames(document)
  return wanted
    .filter(({ name }) => !documented.has(name))
    .map(({ name, path, line }) => {
      const message = `${name} has no row in ${DOCUMENT}: say there why it and no other, and its license`
      return { path, line, rule: 'dependency-undocumented', message }
    })
}

function checkStillUsed(wanted: readonly Dependency[], document: SourceFile): Violation[] {
  const names = new Set(wanted.map(({ name }) => name))
  return [...documentedNames(document)]
    .filter(([name]) => !names.has(name))
    .map(([name, line]) => {
      const message = `no package.json depends on ${name} any more: delete its row`
      return { path: DOCUMENT, line, rule: 'dependency-gone', message }
    })
}

function checkExact(wanted: readonly Dependency[]): Violation[] {
  return wanted
    .filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(({ name, version, path, line }) => {
      const message = `${name} is asked for as ${JSON.stringify(version)}: expected one exact version`
      return { path, line, rule: 'dependency-version', message }
    })
}
