/**
 * Owns asking the compiler what it says of programs that use the client.
 * Must not know: what it should say.
 * Invariant: programs stand beside the sources, so that they find the packages; nothing of them is left.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../../../..')
export const COMPILE_TIMEOUT_MS = 120_000

/** What is said, by file and by line from 1. */
export type Said = ReadonlyMap<string, ReadonlyMap<number, string>>

/** @param programs texts by the names of their files */
export async function compile(programs: Readonly<Record<string, string>>): Promise<Said> {
  const cache = join(ROOT, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'client-types-'))
  try {
    for (const [name, text] of Object.entries(programs)) writeFileSync(join(directory, name), text)
    const extended = { extends: join(ROOT, 'tsconfig.base.json'), files: Object.keys(programs) }
    const compilerOptions = {
      ...{ noEmit: true, composite: false, declaration: false, declarationMap: false, sourceMap: false },
      ...{ typeRoots: [join(ROOT, 'node_modules/@types')], noUnusedLocals: false },
    }
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ ...extended, compilerOptions }))
    return readOutput(await run(directory))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function readOutput(output: string): Said {
  const said = new Map<string, Map<number, string>>()
  let last: readonly [Map<number, string>, number] | undefined
  for (const line of output.split('\n')) {
    const [, file, number, text] = /^([^(]+)\((\d+),\d+\): (.*)$/.exec(line) ?? []
    if (file !== undefined) {
      const lines = said.get(file) ?? new Map<number, string>()
      said.set(file, lines)
      last = [lines, Number(number)]
    } else if (!line.startsWith(' ') && line !== '') throw new Error(`the compiler says: ${output}`)
    if (last === undefined) continue
    const [lines, at] = last
    lines.set(at, `${lines.get(at) ?? ''}${text ?? line}\n`)
  }
  return said
}

async function run(cwd: string): Promise<string> {
  const ended = Promise.withResolvers<string>()
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  execFile(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd }, (_error, stdout, stderr) => {
    ended.resolve(`${stdout}${stderr}`)
  })
  return await ended.promise
}
